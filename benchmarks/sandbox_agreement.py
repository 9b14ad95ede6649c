"""Do the sandbox's verdicts agree with a plain interpreter's?

`python3 -m benchmarks.sandbox_agreement OUTPUTS.jsonl` takes a model's outputs (`prompt`,
`generated_text`, `test_list`, and `test_imports` if there are any; one a line), runs each program
with its tests once in the sandbox and once as a script under a fresh `python -I`, and compares the
classes of the outcomes. Prints how many of each class there are, and every pair that differs.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from common_simplified.code_text import extract_code
from common_simplified.sandbox import SandboxLimits, run_program

# Twice the default: filling the memory takes nearly five seconds here.
LIMITS = SandboxLimits(timeout_seconds=10.0)


def outcome_of_script(code: str, tests: list[str], setup: str) -> str:
    """The class of what a fresh interpreter does with setup, program and tests as one script."""
    program = f"{setup}\n{code}\n"
    first_test_line = program.count("\n") + 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        text = program + "\n".join(tests) + "\n"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            finished = subprocess.run(
                [sys.executable, "-I", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=LIMITS.timeout_seconds,
                cwd=folder,
                preexec_fn=_limit_memory,
            )
        except subprocess.TimeoutExpired:
            return "timeout"
    return _outcome(finished.returncode, finished.stderr.decode(errors="replace"), first_test_line)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes, LIMITS.memory_bytes))


def _outcome(status: int, told: str, first_test_line: int) -> str:
    if status == 0:
        return "passed"
    lines = told.strip().splitlines()
    if "Traceback (most recent call last):" not in told:
        return "syntax_error" if "Error" in told else "exited"
    places = [line for line in lines if line.lstrip().startswith('File "')]
    raised_in_test = (
        'program.py", line ' in places[-1]
        and int(places[-1].split("line ")[1].split(",")[0]) >= first_test_line
        and places[-1].endswith("in <module>")
    )
    last = next(line for line in reversed(lines) if line and not line.startswith(" "))
    error = last.split(":")[0].rpartition(".")[2]
    if error == "MemoryError":
        return "memory"
    return "wrong_answer" if error == "AssertionError" and raised_in_test else "exception"


def compare(outputs: list[dict[str, Any]]) -> None:
    """Print the classes and the differences."""
    classes: Counter[str] = Counter()
    different = []
    for output in tqdm(outputs, unit="program"):
        code = extract_code(output["generated_text"], output["prompt"])
        setup = "\n".join(output.get("test_imports", ()))
        result = run_program(code, output["test_list"], setup, LIMITS)
        classes[result.outcome] += 1
        # An empty program is a class of its own here; a script's function is then not defined.
        ours = "exception" if result.outcome == "empty" else result.outcome
        plain = outcome_of_script(code, output["test_list"], setup)
        if ours != plain:
            different.append((output.get("task_id"), ours, plain, result.error))
    counts = ", ".join(f"{name} {count}" for name, count in classes.most_common())
    sys.stdout.write(f"{len(outputs)} programs: {counts}\n")
    sys.stdout.write(f"agree: {len(outputs) - len(different)}, differ: {len(different)}\n")
    for row in different:
        sys.stdout.write(f"{row}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outputs", type=Path)
    arguments = parser.parse_args()
    lines = arguments.outputs.read_text(encoding="utf-8").splitlines()
    compare([json.loads(line) for line in lines])


if __name__ == "__main__":
    main()
