"""The two ways in which a command ends badly, each with its exit status."""


class PipelineError(Exception):
    """An error told to the user in one line: what is wrong, where, and what to do next."""

    exit_status = 1


class InputError(PipelineError):
    """The call or an input (argument, file, environment variable, weights) is wrong."""

    exit_status = 2


class RunError(PipelineError):
    """The input was right, but the run failed."""

    exit_status = 1
