"""`aam report`: write the report of a run anew, or its figures as files."""

from __future__ import annotations

from aam.config import ReportConfig
from aam.log import logging_to_terminal, say
from aam.text import plural


def run(config: ReportConfig) -> None:
    """Write report.html from the files of a run, or the figures of the report."""
    from aam.report.build import read_finished_page, write_page
    from aam.report.figure_files import write_figures
    from aam.report.interactive import check_interactive, write_interactive

    options = config.report
    with logging_to_terminal():
        if options.interactive:
            check_interactive()
        page = read_finished_page(options.path)
        if options.figures is None:
            say(f"report: {write_page(options.path, page)}")
            if options.interactive:
                say(f"interactive report: {write_interactive(options.path, page)}")
            return
        formats = tuple(dict.fromkeys(options.format))
        written = write_figures(page, options.figures, formats, overwrite=options.overwrite)
        say(*map(str, written), f"{plural(len(written), 'file')} in {options.figures}")
