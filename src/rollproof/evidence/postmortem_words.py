"""What a post-mortem says around what was recorded, in each language that it is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollproof.evidence.language import Words as Texts
from rollproof.evidence.language import words


@dataclass(frozen=True, slots=True)
class Words:
    """The headings and phrases of one language; what was recorded stays in the language that it is in."""

    title: str = "Post-mortem"
    draft: str = "Drafted from the journal of a drill. A person completes it: see the sections at the end."
    system: str = "System"
    run: str = "Run"
    durations: str = "How long it took"
    from_to: str = "from → to"
    took: str = "took"
    not_recorded: str = "not recorded"
    time_line: str = "Time line"
    what: str = "what"
    recorded: str = "recorded with it"
    impact: str = "Impact, measured from outside"
    not_measured: str = "No client was at work, so no impact was measured."
    measure: str = "measure"
    value: str = "value"
    of: str = "of"
    failed: str = "Requests that failed, from the fault to the verified service"
    failed_after: str = "Requests that failed after that"
    lost: str = "Acknowledged writes lost"
    diagnosis: str = "What the drill diagnosed"
    quoted: str = "Quoted from the journal. This is a diagnosis, not the root cause:"
    decision: str = "Decided"
    done: str = "What was done"
    ended: str = "ended"
    well: str = "What went well"
    poorly: str = "What went poorly"
    nothing_recorded: str = "Nothing of the kind was recorded."
    none_lost: str = "No acknowledged write was lost."
    some_lost: str = "{lost} acknowledged writes were lost."
    clients_saw: str = "{failed} of {asked} requests of clients failed meanwhile."
    waits: str = "Waits for a person"
    root_cause: str = "Root cause"
    prevention: str = "Actions, their owners and dates"
    to_fill: str = "To be filled in by a person."
    marks: Mapping[str, str] = field(
        default_factory=lambda: {
            "fault": "fault",
            "detected": "detected",
            "decided": "decided",
            "executed": "rollback executed",
            "verified": "service verified",
        }
    )
    status: Mapping[str, str] = field(
        default_factory=lambda: {
            "ok": "done",
            "fail": "failed",
            "unknown": "nobody knows how",
            "open": "never ended",
        }
    )
    outcomes: Mapping[str, str] = field(
        default_factory=lambda: {"refuted": "refuted", "unknown": "unknown", "proven": "proven"}
    )
    language: str = "en"

    @property
    def t(self) -> Texts:
        """What reports in this language say of acts, claims and numbers."""
        return words(self.language)


_PORTUGUESE = Words(
    language="pt",
    title="Post-mortem",
    draft="Rascunho feito a partir do registro de um ensaio. Uma pessoa o completa: veja as últimas seções.",
    system="Sistema",
    run="Execução",
    durations="Quanto tempo levou",
    from_to="de → até",
    took="levou",
    not_recorded="não registrado",
    time_line="Linha do tempo",
    what="o quê",
    recorded="registrado com isso",
    impact="Impacto, medido de fora",
    not_measured="Nenhum cliente estava em atividade; o impacto não foi medido.",
    measure="medida",
    value="valor",
    of="de",
    failed="Requisições que falharam, da falha até o serviço verificado",
    failed_after="Requisições que falharam depois disso",
    lost="Escritas confirmadas que se perderam",
    diagnosis="O que o ensaio diagnosticou",
    quoted="Citado do registro. Isto é um diagnóstico, não a causa raiz:",
    decision="Decidido",
    done="O que foi feito",
    ended="terminou",
    well="O que correu bem",
    poorly="O que correu mal",
    nothing_recorded="Nada desse tipo foi registrado.",
    none_lost="Nenhuma escrita confirmada se perdeu.",
    some_lost="{lost} escritas confirmadas se perderam.",
    clients_saw="{failed} de {asked} requisições de clientes falharam nesse tempo.",
    waits="Espera por uma pessoa",
    root_cause="Causa raiz",
    prevention="Ações, responsáveis e prazos",
    to_fill="A ser preenchido por uma pessoa.",
    marks={
        "fault": "falha",
        "detected": "detectada",
        "decided": "decidido",
        "executed": "rollback executado",
        "verified": "serviço verificado",
    },
    status={"ok": "feito", "fail": "falhou", "unknown": "ninguém sabe como", "open": "nunca terminou"},
    outcomes={"refuted": "refutado", "unknown": "desconhecido", "proven": "provado"},
)
LANGUAGES: Mapping[str, Words] = {"en": Words(), "pt": _PORTUGUESE}
