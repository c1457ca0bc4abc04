"""Why does the API fail? From what logs, answers, metrics, configuration and ledger say; no I/O here."""

from rollproof.diagnosis.causes import Diagnosis, Evidence, Failure, diagnose
from rollproof.diagnosis.linking import Change
from rollproof.diagnosis.symptoms import Symptom, main_symptom, symptoms_in

__all__ = [
    "Change",
    "Diagnosis",
    "Evidence",
    "Failure",
    "Symptom",
    "diagnose",
    "main_symptom",
    "symptoms_in",
]
