"""Which values of a table's integer keys may be shown, and which may be somebody's number."""

from __future__ import annotations

import re

_PERSONAL = re.compile(
    r"(?i)(?:^|_)(?:cpf|cnpj|cns|rg|cnh|pis|nis|ssn|nif|nino|sin|tin|crm|passport|passaporte|phone|telefone"
    r"|celular|mobile|fone|whatsapp|document|documento|doc|matricula|prontuario|mrn|card|cartao|iban"
    r"|birth|birthdate|nascimento|cep|zip|zipcode|salary)(?:_|\d|$)"
)
_SURROGATE = re.compile(
    r"(?i)(?:.*_)?(?:id|ids|key|pk|no|nr|num|number|seq|version|position|loid|pageno)\Z|.*[a-z]I[dD]\Z"
)
_FEW = 6
_LEAST, _MOST = 9, 15
"""digits of national ids (a CPF loses its leading zeros as a number) up to E.164 telephone numbers"""


def may_show(column: str, value: str) -> bool:
    """Whether the value of an integer key may stand in a journal as it is.

    The key of a table may be a person's number: `cpf bigint PRIMARY KEY`. In clear stand only values of at
    most six digits, and longer ones of a column that is called a surrogate key and that are not as long
    as a document's or a telephone's number; nothing of a column that is named after such a number.
    """
    if _PERSONAL.search(column):
        return False
    digits = len(value.lstrip("-"))
    if digits <= _FEW:
        return True
    return bool(_SURROGATE.match(column)) and not _LEAST <= digits <= _MOST
