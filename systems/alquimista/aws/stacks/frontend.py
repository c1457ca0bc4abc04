"""FrontendStack: a private bucket, and a distribution that alone may read it."""

from __future__ import annotations

from stacks.constructs import Resource, Stack, Value, sub

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS' own cache policy: as long as Cache-Control says, a day where it says nothing"""
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""AWS' own response headers policy"""


def build(stack: Stack) -> None:
    stack.description = "Frontend: static files behind CloudFront"
    files = bucket(stack)
    served = distribution(stack, files)
    policy(stack, files, served)
    stack.output("BucketName", files.ref, "Bucket of the built files")
    stack.output("DistributionId", served.ref, "Distribution that serves them")
    stack.output("DistributionDomainName", served.att("DomainName"), "Its host name")


def bucket(stack: Stack) -> Resource:
    encryption = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    return stack.add(
        "Files/Resource",
        "AWS::S3::Bucket",
        {
            "BucketName": sub("alquimista-frontend-${AWS::AccountId}-${Env}"),
            "VersioningConfiguration": {"Status": "Enabled"},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        },
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )


def distribution(stack: Stack, files: Resource) -> Resource:
    control = stack.add(
        "Distribution/OriginAccess/Resource",
        "AWS::CloudFront::OriginAccessControl",
        {
            "OriginAccessControlConfig": {
                "Name": sub("alquimista-frontend-${Env}"),
                "OriginAccessControlOriginType": "s3",
                "SigningBehavior": "always",
                "SigningProtocol": "sigv4",
            }
        },
    )
    return stack.add(
        "Distribution/Resource",
        "AWS::CloudFront::Distribution",
        {
            "DistributionConfig": {
                "Enabled": True,
                "Comment": sub("Alquimista ${Env}"),
                "DefaultRootObject": "index.html",
                "HttpVersion": "http2",
                "PriceClass": "PriceClass_100" if stack.release.routes else "PriceClass_All",
                "DefaultCacheBehavior": _behaviour(),
                "Origins": [
                    {
                        "Id": "files",
                        "DomainName": files.att("RegionalDomainName"),
                        "OriginAccessControlId": control.att("Id"),
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            }
        },
    )


def _behaviour() -> dict[str, Value]:
    return {
        "TargetOriginId": "files",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": ["GET", "HEAD"],
        "CachedMethods": ["GET", "HEAD"],
        "Compress": True,
        "CachePolicyId": CACHING_OPTIMIZED,
        "ResponseHeadersPolicyId": SECURITY_HEADERS,
    }


def policy(stack: Stack, files: Resource, served: Resource) -> None:
    of_ours = sub(
        "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${served}", served=served.ref
    )
    stack.add(
        "Files/Policy/Resource",
        "AWS::S3::BucketPolicy",
        {
            "Bucket": files.ref,
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "OnlyTheDistributionReads",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudfront.amazonaws.com"},
                        "Action": "s3:GetObject",
                        "Resource": sub("${arn}/*", arn=files.att("Arn")),
                        "Condition": {"StringEquals": {"AWS:SourceArn": of_ours}},
                    }
                ],
            },
        },
    )
