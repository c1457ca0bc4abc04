"""A Lambda function as every stack here has it: role, log group, version and the alias LIVE."""

from __future__ import annotations

from dataclasses import dataclass

from stacks.constructs import Resource, Stack, Value, digest_of, sub

TIMEOUT_SECONDS = 10
BASIC = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
IN_VPC = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Live:
    """A function and the alias that callers use."""

    function: Resource
    alias: Resource
    name: str

    @property
    def uri(self) -> Value:
        """Where API Gateway calls it: the alias, not the function."""
        return sub(
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${alias}/invocations",
            alias=self.alias.ref,
        )


def allow(actions: list[str], resource: Value) -> dict[str, Value]:
    """One statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def function(
    stack: Stack,
    path: str,
    *,
    name: str,
    asset: str,
    handler: str,
    runtime: str,
    environment: dict[str, Value],
    policy: list[dict[str, Value]],
    database: bool = False,
) -> Live:
    """Adds a function; in a VPC and with the Postgres driver's layer when it uses the database.

    Args:
        name: with `${Env}`, such as `nigredo-leads-${Env}`.
    """
    role = _role(stack, path, policy, database=database)
    logs = stack.add(
        f"{path}/LogGroup/Resource",
        "AWS::Logs::LogGroup",
        {"LogGroupName": sub(f"/aws/lambda/{name}"), "RetentionInDays": stack.release.retention},
        UpdateReplacePolicy="Retain",
        DeletionPolicy="Delete",
    )
    code = stack.asset(asset)
    properties = {
        "FunctionName": sub(name),
        "Code": code.code,
        "Handler": handler,
        "Runtime": runtime,
        "MemorySize": stack.release.memory,
        "Timeout": TIMEOUT_SECONDS,
        "Environment": {"Variables": {"RELEASE": stack.release.name, **environment}},
        "LoggingConfig": {"LogGroup": logs.ref},
        "Role": role.att("Arn"),
        **(_database_access(stack) if database else {}),
    }
    made = stack.add(f"{path}/Resource", "AWS::Lambda::Function", properties, metadata=code.metadata)
    return Live(made, _alias(stack, path, made, properties), name)


def _role(stack: Stack, path: str, policy: list[dict[str, Value]], *, database: bool) -> Resource:
    return stack.add(
        f"{path}/ServiceRole/Resource",
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "ManagedPolicyArns": [sub(BASIC), *([sub(IN_VPC)] if database else [])],
            "Policies": [
                {
                    "PolicyName": "Own",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": policy},
                }
            ],
        },
    )


def _database_access(stack: Stack) -> dict[str, Value]:
    """Parameters that say where the database is, and what they mean for a function; both may be empty."""
    stack.parameter(
        "SubnetIds", Type="CommaDelimitedList", Default="", Description="Subnets that reach the database"
    )
    stack.parameter(
        "SecurityGroupIds", Type="CommaDelimitedList", Default="", Description="Groups the database admits"
    )
    stack.parameter("DriverLayerArn", Default="", Description="Layer with psycopg 3; none if it is there")
    stack.conditions["InVpc"] = {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "SubnetIds"}]}, ""]}]}
    stack.conditions["HasLayer"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": "DriverLayerArn"}, ""]}]}
    network = {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}
    nothing = {"Ref": "AWS::NoValue"}
    return {
        "VpcConfig": {"Fn::If": ["InVpc", network, nothing]},
        "Layers": {"Fn::If": ["HasLayer", [{"Ref": "DriverLayerArn"}], nothing]},
    }


def _alias(stack: Stack, path: str, made: Resource, properties: dict[str, Value]) -> Resource:
    """A version for each configuration, kept when the next one comes, and the alias on the newest."""
    version = stack.add(
        f"{path}/CurrentVersion/Resource",
        "AWS::Lambda::Version",
        {"FunctionName": made.ref, "Description": stack.release.name},
        salt=digest_of(properties),
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )
    return stack.add(
        f"{path}/Live/Resource",
        "AWS::Lambda::Alias",
        {"FunctionName": made.ref, "FunctionVersion": version.att("Version"), "Name": "LIVE"},
    )
