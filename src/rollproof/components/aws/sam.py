"""The transform of SAM templates, for endpoints that do not do it themselves."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

from rollproof.components.aws.assembly import StackSource
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.httpbody import EXPERIMENT as BODY
from rollproof.components.aws.httpbody import has_bodies, spelled_out
from rollproof.components.aws.templates import SAM, Template, transforms
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput
from rollproof.fidelity import Fidelity

EXPERIMENT = "sam-transform"


def transformed(drill: Drill, template: Template, source: StackSource) -> Template:
    """The template as it is sent: AWS transforms a SAM template itself, and so do some emulators.

    Where an experiment finds that the endpoint does not, the reference implementation does it here,
    and the journal says so; likewise for an HTTP API that is one body. Raises BadInput for a template that
    cannot be transformed.
    """
    endpoint = drill.use(Cloud).endpoint
    bodies = (
        endpoint.private  # what stays is never deployed otherwise than it is written
        and has_bodies(template)
        and _is_missing(drill, BODY, "the routes of HTTP APIs written as one body")
    )
    if SAM in transforms(template) and (
        bodies or _is_missing(drill, EXPERIMENT, "the transform of SAM templates")
    ):
        template = transform(template, where=str(source.path), region=endpoint.region)
    return spelled_out(template) if bodies else template


def _is_missing(drill: Drill, experiment: str, provided: str) -> bool:
    """Whether the endpoint does not do what AWS does; the journal then says what the suite provides."""
    found = drill.session.use(Fidelity, drill.system).finding(experiment)
    if not found.holds:
        drill.recorder.note("provided", {"name": provided, "found": found.said})
    return not found.holds


def transform(template: Template, *, where: str, region: str) -> Template:
    """A SAM template as plain CloudFormation, by the reference implementation that AWS publishes."""
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import (
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    copy = deepcopy(template)
    to_py27_compatible_template(copy, {})
    # It asks the session for nothing but its region.
    session = SimpleNamespace(region_name=region)
    try:
        found = Translator({}, Parser(), boto_session=session).translate(copy, {})
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes) or error.message
        raise BadInput(
            causes, doing="transforming a SAM template", where=where, remedy="run `sam validate --lint`"
        ) from error
    return dict(undo_mark_unicode_str_in_template(found))
