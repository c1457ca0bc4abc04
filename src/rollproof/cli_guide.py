"""`rollproof guide`: a person is led through a rollback, and what is done goes on record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_errors import explained


@explained
def guide_command(
    *,
    system: Annotated[Path, typer.Option(help="system file of what is broken")],
    answers: Annotated[
        Path | None, typer.Option(help="a TOML or JSON file that answers instead of a person")
    ] = None,
    region: Annotated[str, typer.Option(help="AWS region for the commands that are shown")] = "us-east-1",
    reports: Annotated[Path, typer.Option(help="folder that the run's folder is made in")] = Path("reports"),
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Lead an operator through a rollback: diagnosis, decision, checklist, steps, whom to tell.

    Each step is shown with its command; nothing is run unless you say so. What is done goes into a
    journal and a report like a drill's. Exit code 0 when all of it is proven, 1 when a step was left out.
    """
    import rollproof.components.healers  # noqa: F401  they register themselves
    from rollproof.drill.session import DrillSession, command_line, new_run_id
    from rollproof.environments.byhand import ByHand
    from rollproof.evidence import point_latest, write_reports
    from rollproof.evidence.standing.record import note_earlier
    from rollproof.guide.session import Guide
    from rollproof.guide.talk import FromFile, Terminal, read_answers
    from rollproof.model.language import TAGS, language_code
    from rollproof.model.systemfile import project_settings, read_system
    from rollproof.seal.closing import close_quietly, open_run

    wanted = project_settings()
    read = read_system(system / "system.toml" if system.is_dir() else system)
    talk = Terminal() if answers is None else FromFile(read_answers(answers))
    run = new_run_id()
    session = DrillSession(folder=reports / run, run=run, environment=ByHand("by hand"))
    outcome = "unknown"
    try:
        about_run = open_run(reports, run, wanted.seal, root=wanted.root, environment="by hand")
        if wanted.language:
            about_run["language"] = TAGS[language_code(wanted.language)]
        session.start(systems=[read], command=command_line(), about=about_run)
        note_earlier(session.recorder, reports)
        about = {
            "name": f"The guided procedure for {read.name} was followed",
            "feature": "Guided by rollproof",
            "tags": ["guide"],
        }
        drill = session.drill("guide", read, about={**about})
        guide = Guide(drill, talk, region)
        try:
            guide.lead()
            guide.judge()
        except (KeyboardInterrupt, typer.Abort):
            drill.failure = "the operator ended the guide early"
            talk.tell("\nended early; what was done so far is on record")
        except BaseException as error:
            drill.failure = f"the guide was ended by {type(error).__name__}"
            raise
        finally:
            concluded, why = drill.conclude()
            outcome = concluded.value
    finally:
        session.finish(outcome)
        write_reports(session.folder)
        point_latest(reports, run)
        said = close_quietly(session.folder, wanted.seal, root=wanted.root)
    talk.tell(f"\n{concluded.value}: {why}\nreport: {session.folder / 'report.html'}\nseal: {said}")
    if not concluded.passes:
        raise typer.Exit(1)
