"""How notebooks are executed: on the kernel of this environment, and without what that kernel logs of itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KERNEL = "python3"
QUIET = "--log-level=CRITICAL"
"""The kernel warns of its own transport when it starts and reports the interrupt that ends it as an error.

Errors of cells come as messages, not by this log, and are raised as ever.
"""


def execute_notebook(source: Path, target: Path, parameters: Mapping[str, Any], **options: Any) -> None:
    """Execute a notebook by papermill on the kernel of this environment.

    Args:
        source: the notebook.
        target: the same with outputs, also where a cell raises.
        parameters: by name, as papermill takes them.
        options: further ones of ``papermill.execute_notebook``.

    Raises:
        papermill.PapermillExecutionError: if a cell raises.
    """
    import papermill  # takes a second

    # The kernel of this environment, not one of the same name that the user has registered.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    papermill.execute_notebook(
        str(source),
        str(target),
        dict(parameters),
        kernel_name=KERNEL,
        language="python",
        extra_arguments=[QUIET],
        **options,
    )
