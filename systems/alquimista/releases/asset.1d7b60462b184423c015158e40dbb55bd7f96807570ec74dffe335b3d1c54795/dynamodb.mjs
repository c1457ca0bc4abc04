// DynamoDB over its JSON protocol, signed with Signature Version 4: nothing to install, nothing to update.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { createHash, createHmac } from "node:crypto";

const SECONDS = 3;
const SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";

const digest = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

function signature(date, region, scope, request) {
  const text = ["AWS4-HMAC-SHA256", date, scope, digest(request)].join("\n");
  const secret = "AWS4" + process.env.AWS_SECRET_ACCESS_KEY;
  const key = [date.slice(0, 8), region, "dynamodb", "aws4_request"].reduce(hmac, secret);
  return hmac(key, text).toString("hex");
}

function headers(url, operation, body) {
  const region = process.env.AWS_REGION;
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${date.slice(0, 8)}/${region}/dynamodb/aws4_request`;
  const sent = {
    "content-type": "application/x-amz-json-1.0",
    host: url.host,
    "x-amz-date": date,
    "x-amz-security-token": process.env.AWS_SESSION_TOKEN ?? "",
    "x-amz-target": `DynamoDB_20120810.${operation}`,
  };
  const listed = SIGNED.split(";").map((name) => `${name}:${sent[name]}\n`).join("");
  const request = ["POST", "/", "", listed, SIGNED, digest(body)].join("\n");
  const credential = `Credential=${process.env.AWS_ACCESS_KEY_ID}/${scope}`;
  const signed = `Signature=${signature(date, region, scope, request)}`;
  return { ...sent, authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${SIGNED}, ${signed}` };
}

// Throws an Error named as DynamoDB names it.
export async function call(operation, input) {
  const region = process.env.AWS_REGION;
  const url = new URL(process.env.AWS_ENDPOINT_URL ?? `https://dynamodb.${region}.amazonaws.com`);
  const body = JSON.stringify(input);
  const answer = await fetch(url, {
    method: "POST",
    headers: headers(url, operation, body),
    body,
    signal: AbortSignal.timeout(SECONDS * 1000),
  });
  const found = await answer.json();
  if (answer.ok) return found;
  const error = new Error(`${operation}: ${found.message ?? found.Message ?? answer.status}`);
  error.name = String(found.__type ?? "DynamoDBError").split("#").pop();
  throw error;
}
