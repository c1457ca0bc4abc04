"""What is done about an incident, and by whose decision: the matrix of a runbook, as data."""

from rollproof.decision.matrix import Answers, Decided, Matrix, decide, matrix_of

__all__ = ["Answers", "Decided", "Matrix", "decide", "matrix_of"]
