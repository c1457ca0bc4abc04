// Commands: what the operators and the other functions ask the agents to do, by tenant.

import { call } from "./dynamodb.mjs";

const PAGE = 25;
const FIELDS = ["tenant", "command_id", "kind", "status", "created_at"];
const TableName = process.env.COMMANDS_TABLE;

const item = (fields) => Object.fromEntries(Object.entries(fields).map(([name, S]) => [name, { S }]));
const plain = (found) => Object.fromEntries(FIELDS.map((name) => [name, found[name]?.S ?? null]));

export async function health() {
  await call("GetItem", { TableName, Key: item({ tenant: "health", command_id: "health" }) });
  return [200, { status: "ok" }];
}

export async function list({ tenant }) {
  const { Items } = await call("Query", {
    TableName,
    KeyConditionExpression: "tenant = :tenant",
    ExpressionAttributeValues: { ":tenant": { S: tenant } },
    ConsistentRead: true,
    Limit: PAGE,
  });
  return [200, { commands: Items.map(plain) }];
}

export async function show({ tenant, id }) {
  const { Item } = await call("GetItem", {
    TableName,
    Key: item({ tenant, command_id: id }),
    ConsistentRead: true,
  });
  return Item ? [200, plain(Item)] : [404, { error: "command_unknown" }];
}

export async function create({ tenant, body }) {
  const { command_id, kind } = body;
  if (typeof command_id !== "string" || !command_id || typeof kind !== "string" || !kind) {
    return [422, { error: "fields_refused", missing: "command_id, kind" }];
  }
  const made = { tenant, command_id, kind, status: "pending", created_at: new Date().toISOString() };
  try {
    await call("PutItem", {
      TableName,
      Item: item(made),
      ConditionExpression: "attribute_not_exists(command_id)",
    });
  } catch (error) {
    if (error.name === "ConditionalCheckFailedException") return [409, { error: "already_there" }];
    throw error;
  }
  return [201, made];
}

export async function remove({ tenant, id }) {
  const { Attributes } = await call("DeleteItem", {
    TableName,
    Key: item({ tenant, command_id: id }),
    ReturnValues: "ALL_OLD",
  });
  return Attributes ? [204, null] : [404, { error: "command_unknown" }];
}
