"""The only door to the pipeline: `python3 run.py phase 4.5`."""

import argparse
import importlib
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

try:
    from common.errors import InputError, PipelineError
    from common.logging import get_logger, setup_logging
    from common.phases import PHASES, Phase
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: type `make setup`, then `. .venv/bin/activate`")

if TYPE_CHECKING:
    from pathlib import Path

    from common.config import Config
    from common.terms import SteeringType
    from phase4_5.records import Choice

logger = get_logger("run")

INTERRUPTED = 130
"""The exit status of a command that was stopped by Ctrl-C, as shells have it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, 1 (failed run) or 2 (wrong call or input)."""
    _open_standard_streams()
    parsed = _make_parser().parse_args(arguments)
    setup_logging(parsed.verbose)
    try:
        parsed.command(parsed)
    except PipelineError as error:
        _report(str(error), parsed.verbose)
        return error.exit_status
    except KeyboardInterrupt:
        _report("stopped; what is finished is kept, the same command goes on from there", False)
        return INTERRUPTED
    except Exception as error:
        _report(f"{type(error).__name__}: {error} (--verbose shows where)", parsed.verbose)
        return 1
    return 0


def _open_standard_streams() -> None:
    """Where a shell has closed one, no file that is opened later may take its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest one that is free.


def _report(message: str, with_traceback: bool) -> None:
    if with_traceback:
        traceback.print_exc()
    logger.error("%s", " ".join(message.split()))


class _Version(argparse.Action):
    """Reads the version only where it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> None:
        from common.project import NAME, project_version

        _say(f"{NAME} {project_version()}")
        parser.exit()


def _make_parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="debug lines and tracebacks")
    common.add_argument("--profile", help="embedded (default) or gemma-2-2b")
    common.add_argument("--data-dir", metavar="DIR", help="root of the outputs (data)")

    parser = argparse.ArgumentParser(
        description="How strongly must an SAE latent be pushed before a model's code changes?",
        epilog="Every setting is also an environment variable PVA_SAE_<NAME>; see "
        "docs/configuration.md.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="tell the version and exit")
    commands = parser.add_subparsers(required=True, metavar="command")

    phase = commands.add_parser("phase", parents=[common], help="run phases")
    phase.add_argument("numbers", nargs="+", metavar="N", help=", ".join(PHASES))
    phase.add_argument("--start", type=int, dest="start_index", help="first problem (index, 0)")
    phase.add_argument("--end", type=int, dest="end_index", help="problem to stop before")
    phase.add_argument("--model", dest="model_name", help="Hugging Face id or local folder")
    phase.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps")
    phase.add_argument(
        "--coefficients", dest="phase4_5_coefficients", metavar="1,3,10", help="Phase 4.5's grid"
    )
    phase.add_argument(
        "--problems",
        dest="phase4_5_problems_per_coeff",
        type=int,
        metavar="N",
        help="problems for each coefficient in Phase 4.5",
    )
    phase.add_argument(
        "--executor", metavar="local|ray", help="spread Phase 4.5's problems over GPUs or machines"
    )
    phase.add_argument(
        "--address",
        dest="ray_address",
        metavar="HOST:PORT",
        help="the Ray cluster; auto: the one that runs here; without it Ray is started here",
    )
    phase.add_argument(
        "--fresh",
        action="store_true",
        default=None,
        help="compute anew what an earlier run has finished",
    )
    phase.set_defaults(command=_run_phases)

    phase.add_argument(
        "--refine",
        dest="phase4_5_refine_evaluations",
        type=int,
        metavar="N",
        help="up to N more coefficients between the two best neighbours, for each direction",
    )
    phase.add_argument(
        "--replace-choice",
        dest="phase4_5_replace_choice",
        action="store_true",
        default=None,
        help="let the recommendation replace what a person has chosen",
    )

    review = commands.add_parser(
        "review", parents=[common], help="look at Phase 4.5's examples, mark them, and choose"
    )
    review.add_argument("--port", type=int, default=0, help="on this machine; default: any")
    review.add_argument("--reviewer", metavar="NAME", help="default: the name you are logged in by")
    review.add_argument("--open", action="store_true", help="open the page in a browser")
    review.set_defaults(command=_review)

    select = commands.add_parser(
        "select", parents=[common], help="choose Phase 4.5's coefficients without a browser"
    )
    select.add_argument("--correct", type=float, metavar="C", help="for correct-steering")
    select.add_argument("--incorrect", type=float, metavar="C", help="for incorrect-steering")
    select.add_argument("--rationale", required=True, metavar="TEXT", help="why")
    select.add_argument("--reviewer", metavar="NAME", help="default: the name you are logged in by")
    select.set_defaults(command=_select)

    report = commands.add_parser(
        "report", parents=[common], help="make Phase 4.5's report and pictures anew"
    )
    report.set_defaults(command=_report_anew)

    listing = commands.add_parser("list", parents=[common], help="the phases")
    listing.set_defaults(command=_list_phases)
    status = commands.add_parser("status", parents=[common], help="what has been done")
    status.set_defaults(command=_show_status)
    return parser


_NOT_SETTINGS = {
    "command",
    "numbers",
    "verbose",
    # of review and select
    "port",
    "reviewer",
    "open",
    "correct",
    "incorrect",
    "rationale",
}


def _load_config(parsed: argparse.Namespace) -> "Config":
    from common.config import load_config

    return load_config(
        **{name: value for name, value in vars(parsed).items() if name not in _NOT_SETTINGS}
    )


def _run_phases(parsed: argparse.Namespace) -> None:
    for number in parsed.numbers:
        if number not in PHASES:
            raise InputError(f"phase {number}: no such phase; there are {', '.join(PHASES)}")
    config = _load_config(parsed)
    if config.executor == "ray":
        _require_ray(config, parsed.numbers)
    for number in parsed.numbers:
        if config.run_missing_phases:
            _run_missing(PHASES[number], config)
        _run_phase(PHASES[number], config)


def _require_ray(config: "Config", numbers: list[str]) -> None:
    """Refuse what can't be done with Ray before hours of earlier phases."""
    if "4.5" not in numbers:
        raise InputError("executor 'ray': only Phase 4.5 is for several machines; use 'local'")
    from phase4_5.search.executors.ray.cluster import require_ray

    require_ray(config)


def _run_missing(phase: Phase, config: "Config") -> None:
    """Run what `phase` needs and nobody has made, on all problems, in order."""
    whole = config.model_copy(update={"start_index": 0, "end_index": None})
    for number in phase.needs:
        needed = PHASES[number]
        if not (config.output_dir(number) / needed.result_file).is_file():
            logger.info("Phase %s needs Phase %s, which is run first", phase.number, number)
            _run_missing(needed, config)
            _run_phase(needed, whole)


def _run_phase(phase: Phase, config: "Config") -> None:
    logger.info("Phase %s: %s", phase.number, phase.title)
    runner: Any = getattr(importlib.import_module(phase.module), phase.class_name)(config)
    runner.run()
    logger.info("Phase %s is done: %s", phase.number, config.output_dir(phase.number))


def _review(parsed: argparse.Namespace) -> None:
    from phase4_5.review.server import address, review_server

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends it as Ctrl-C does.
    folder = _folder_of_run(_load_config(parsed))
    serving = review_server(folder, parsed.reviewer or _user_name(), parsed.port)
    with serving as server, suppress(KeyboardInterrupt):
        _say(
            f"the review is at {address(server)}\n"
            f"from another machine: ssh -L {server.port}:127.0.0.1:{server.port} THIS_MACHINE, "
            "then the same address; Ctrl-C ends it, everything is saved as you go"
        )
        if parsed.open:
            import webbrowser

            webbrowser.open(address(server))
        server.ended.wait()


def _select(parsed: argparse.Namespace) -> None:
    from phase4_5.report import write_reports
    from phase4_5.results.choice import choose
    from phase4_5.results.run_files import load_run
    from phase4_5.review.marks import Marks

    folder = _folder_of_run(_load_config(parsed))
    marks = Marks(load_run(folder)).shown()
    coefficients: dict[SteeringType, float | None] = {
        "correct": parsed.correct,
        "incorrect": parsed.incorrect,
    }
    reviewer = parsed.reviewer or _user_name()
    choice = choose(folder, coefficients, parsed.rationale, reviewer, marks)
    write_reports(load_run(folder))
    _show_choice(choice)
    if any(entry.final_evaluation is None for entry in (choice.correct, choice.incorrect)):
        _say("next: python3 run.py phase 4.5 evaluates it on problems outside the search")


def _report_anew(parsed: argparse.Namespace) -> None:
    from phase4_5.report import write_reports
    from phase4_5.results.run_files import load_run

    folder = _folder_of_run(_load_config(parsed))
    write_reports(load_run(folder))
    _say(f"{folder / 'report.html'}")


def _folder_of_run(config: "Config") -> "Path":
    """Phase 4.5's folder; refused if another model than its run's was asked for."""
    from common.config import PROFILES
    from phase4_5.results.run_files import load_summary

    folder = config.output_dir("4.5")
    model = load_summary(folder).config.model_name
    asked_for = config.model_name != PROFILES["embedded"]["model_name"]
    if asked_for and config.model_name != model:
        raise InputError(
            f"{folder}: a run of model {model!r}, but {config.model_name!r} is set; name the data "
            "folder of its run (--data-dir), or leave the model out"
        )
    return folder


def _user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # A user that the system doesn't know.
        return "unnamed"


def _list_phases(parsed: argparse.Namespace) -> None:  # noqa: ARG001
    for phase in PHASES.values():
        needs = f" (needs {', '.join(phase.needs)})" if phase.needs else ""
        _say(f"{phase.number}  {phase.title}{needs}")


def _show_status(parsed: argparse.Namespace) -> None:
    config = _load_config(parsed)
    for phase in PHASES.values():
        folder = config.output_dir(phase.number)
        missing = [name for name in phase.outputs if not (folder / name).is_file()]
        journal = folder / "journal.jsonl"
        if not missing:
            state = "done"
        elif journal.is_file():
            with journal.open("rb") as lines:
                finished = max(0, sum(1 for _ in lines) - 1)
            state = f"begun ({finished} pieces of work finished): {phase.command}"
        else:
            state = f"not done: {phase.command}"
        _say(f"{phase.number}  {folder}  {state}")
    _show_noise_floor(config)
    _show_selected(config)


def _show_noise_floor(config: "Config") -> None:
    from phase4_5.results.run_files import load_noise_floor

    floor = load_noise_floor(config.output_dir("4.5"))
    if floor is not None:
        _say(f"     {floor.statement}")


def _show_selected(config: "Config") -> None:
    path = config.output_dir("4.5") / "selected_coefficients.json"
    if not path.is_file():
        return
    from common.typed_files import read_model
    from phase4_5.records import Choice

    _show_choice(read_model(path, Choice, "mend it, or move it away"))


def _show_choice(choice: "Choice") -> None:
    for steering_type, entry in (("correct", choice.correct), ("incorrect", choice.incorrect)):
        by = "" if entry.reviewer is None else f", chosen by {entry.reviewer}"
        _say(
            f"     {steering_type}-steering: coefficient {entry.coefficient:g}, {entry.verdict}{by}"
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
