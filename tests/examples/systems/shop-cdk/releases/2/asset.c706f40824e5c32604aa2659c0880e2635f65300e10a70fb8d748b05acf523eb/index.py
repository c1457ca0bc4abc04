import os


def handler(event, context):
    return {"statusCode": 200, "headers": {"release": "2"}, "body": os.environ["GREETING"]}
