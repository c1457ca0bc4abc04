"""The transform of SAM templates, for endpoints that do not do it themselves."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

from rollproof.components.aws.assembly import StackSource
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.templates import SAM, Template, transforms
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput
from rollproof.fidelity import Fidelity

EXPERIMENT = "sam-transform"


def transformed(drill: Drill, template: Template, source: StackSource) -> Template:
    """The template as it is sent: AWS transforms a SAM template itself, and so do some emulators.

    Where an experiment finds that the endpoint does not, the reference implementation does it here,
    and the journal says so. Raises BadInput for a template that cannot be transformed.
    """
    if SAM not in transforms(template):
        return template
    found = drill.session.use(Fidelity, drill.system).finding(EXPERIMENT)
    if found.holds:
        return template
    drill.recorder.note("provided", {"name": "the transform of SAM templates", "found": found.said})
    return transform(template, where=str(source.path), region=drill.use(Cloud).endpoint.region)


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
