"""Phase 4.8's side, played by a process of its own that knows the README and the files alone."""

import re
import shutil

from forked_door import ForkedDoor

from common.config import REPOSITORY_ROOT, load_config
from phase4_5 import load_selected_coefficients
from phase4_5.results.choice import choose


def readme_example():
    text = (REPOSITORY_ROOT / "README.md").read_text()
    section = text.split("### From Phase 4.8")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


def test_the_readmes_example_runs_and_uses_the_choice(whole, tmp_path):
    shutil.copytree(whole / "phase4_5", tmp_path / "phase4_5")
    choose(tmp_path / "phase4_5", {"correct": 30}, "to see it fail", "Ada")
    code = readme_example().replace("[:20]", "[:6]")
    variables = {"PVA_SAE_DATA_DIR": str(tmp_path)}
    done = ForkedDoor(variables=variables, work=lambda: exec(code, {"__name__": "__main__"})).end()
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = done.stdout.splitlines()
    selected = load_selected_coefficients(config=load_config(data_dir=str(tmp_path)))
    layers = {name: entry.layer for name, entry in selected.items()}
    # At 30 every program is lost; what was solved before is corrupted, and nothing is corrected.
    assert re.fullmatch(
        rf"correct 30 at layer {layers['correct']}: 0 corrected, [1-6] corrupted \(manual\)", first
    )
    assert re.fullmatch(
        rf"incorrect \d+ at layer {layers['incorrect']}: \d corrected, \d corrupted "
        r"\(recommended\)",
        second,
    )
