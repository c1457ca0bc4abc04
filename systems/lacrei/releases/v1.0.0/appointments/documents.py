"""CPF numbers. This system is for drills: a document that validates might be a person's, and is refused."""

from collections.abc import Sequence


def check_digits(nine: Sequence[int]) -> tuple[int, int]:
    """The two digits that make nine a valid CPF: weights 10 to 2, then 11 to 2, modulo 11."""
    first = _check(nine)
    return first, _check([*nine, first])


def _check(digits: Sequence[int]) -> int:
    weights = range(len(digits) + 1, 1, -1)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def validates(document: str) -> bool:
    """Whether it could be a person's CPF."""
    digits = [int(letter) for letter in document if letter in "0123456789"]
    return len(digits) == 11 and tuple(digits[9:]) == check_digits(digits[:9])


def synthetic(number: int) -> str:
    """A document for each number below 10**9, whose check digits are both wrong."""
    nine = [int(digit) for digit in f"{number:09d}"]
    first, _ = check_digits(nine)
    wrong = (first + 1) % 10
    second = (_check([*nine, wrong]) + 1) % 10
    text = "".join(map(str, [*nine, wrong, second]))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
