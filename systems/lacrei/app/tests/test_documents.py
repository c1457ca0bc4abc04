import random
from unittest import TestCase

from appointments.documents import check_digits, synthetic, validates
from appointments.seed_rows import patients


class Documents(TestCase):
    def test_a_document_that_validates_is_known(self) -> None:
        first, second = check_digits([1, 2, 3, 4, 5, 6, 7, 8, 9])
        assert validates(f"123.456.789-{first}{second}")

    def test_none_of_the_seed_validates_and_both_check_digits_are_wrong(self) -> None:
        for row in patients(3000, random.Random(1)):
            document = str(row["document"])
            digits = [int(letter) for letter in document if letter.isdigit()]
            right = check_digits(digits[:9])
            assert not validates(document)
            assert digits[9] != right[0]
            assert digits[10] != (check_digits(digits[:9])[1] if digits[9] == right[0] else None)

    def test_no_number_makes_one_that_validates(self) -> None:
        chance = random.Random(2)
        for _ in range(3000):
            assert not validates(synthetic(chance.randrange(10**9)))
