"""Words that the generator makes rows of. Nothing here belongs to anybody.

Addresses are under example.com (RFC 2606), telephone numbers in the ranges kept for fiction (Ofcom's
07700 900xxx, 555-01xx in North America), IP addresses in those for documentation (RFC 5737, RFC 3849).
"""

from __future__ import annotations

MINERALS = (
    "Ágata Ambar Ametista Basalto Berilo Calcita Citrino Coral Cristal Diorito Enxofre Feldspato Galena "
    "Granito Hematita Ilmenita Jaspe Lazulita Magnetita Mármore Obsidiana Ônix Opala Pirita Quartzo "
    "Rutilo Safira Selenita Talco Topázio Turmalina Zircão"
).split()
TRADES = (
    "Alimentos Logística Metais Têxtil Saúde Ensino Energia Seguros Turismo Móveis Papel Bebidas"
).split()
LEGAL_FORMS = ("Ltda", "S.A.", "ME", "EIRELI", "& Filhos", "株式会社", "GmbH", "Coop.")
DEPARTMENTS = (
    "Compras", "Direção", "Manutenção", "Expedição", "Bestellbüro", "Bureau d'achats", "采购部",
    "Отдел закупок", "قسم المشتريات", "Naïve Cafe\u0301",
)  # fmt: skip
NOTES = (
    "Pediu proposta até sexta.",
    "Não ligar antes das 14h – reunião diária",
    "Line one\nline two\twith a tab",
    'Disse: "só no próximo trimestre" \\ aguardando',
    "🚀 veio da feira, muito interesse 🙂",
    "Orçamento 10% acima; {a rever}",
    "   espaços   em volta   ",
    "\u200bsem conteúdo visível\u200b",
)
STATUSES = ("new", "contacted", "qualified", "meeting", "won", "lost")
STATUS_WEIGHTS = (34, 25, 16, 9, 6, 10)
SOURCES = ("manual", "import", "webhook", "fair", "referral")
CHANNELS = ("email", "phone", "whatsapp", "visit")
OUTCOMES = ("answered", "voicemail", "no answer", "wrong number", None)
EVENT_KINDS = ("lead.created", "lead.scored", "agent.handed_over", "message.sent", "message.read")
AGENT_KINDS = ("prospector", "qualifier", "scheduler", "closer")
SKILLS = ("pt", "en", "es", "cold-call", "follow-up", "crm", "calendar", "pricing")
TAGS = ("vip", "feira 2025", "exportação", "a,b", 'q"uote', "renovação", "grande porte")
METRICS = ("agent.minutes", "messages", "storage.gb", "tokens")
LOCALES = ("pt-BR", "pt-BR", "pt-BR", "es-AR", "en-GB", "de-DE")
IP_PREFIXES = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8::")
HEADERS = ('["empresa",\t"fone"]', '{"a":  "e-mail", "a": "E-Mail", "n": 1.0}', "[]")
"""first lines of spreadsheets: only `json` keeps their blanks and repeated keys, `jsonb` would not"""
