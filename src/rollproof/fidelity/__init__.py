"""Does this endpoint do what AWS does? Found out by small experiments, not by a list of names."""

from rollproof.fidelity import (
    apprunner,
    cloudformation,
    cloudfront,
    cloudwatch,
    dynamodb,
    ecs,
    lambda_,
    lambdas,
    secretsmanager,
    settings,
)
from rollproof.fidelity.registry import (
    Experiment,
    Fidelity,
    Finding,
    all_experiments,
    experiment,
    rely_on,
)

__all__ = [
    "Experiment",
    "Fidelity",
    "Finding",
    "all_experiments",
    "apprunner",
    "cloudformation",
    "cloudfront",
    "cloudwatch",
    "dynamodb",
    "ecs",
    "experiment",
    "lambda_",
    "lambdas",
    "rely_on",
    "secretsmanager",
    "settings",
]
