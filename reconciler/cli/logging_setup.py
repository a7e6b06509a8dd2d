"""Structured logs: JSON lines in a pod, readable lines on a terminal; always to stderr, never secrets."""

import sys

from reconciler.cli.output import colour


def configure_logging(form: str) -> None:
    """Set structlog up. `auto` is text on a terminal and JSON elsewhere; `quiet` for commands that tell themselves."""
    import structlog

    level = "critical" if form == "quiet" else "info"
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer(colors=colour(sys.stderr)) if text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if text else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
