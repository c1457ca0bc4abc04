CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE TYPE "Currency" AS ENUM ('USD','EUR');
CREATE TABLE "accounts" ("id" bigserial PRIMARY KEY, "owner" varchar NOT NULL, "balance" bigint NOT NULL, "currency" "Currency" NOT NULL, "created_at" timestamptz NOT NULL DEFAULT (now()), uid uuid DEFAULT uuid_generate_v4());
CREATE INDEX ON "accounts" ("owner");
COMMENT ON COLUMN "accounts"."balance" IS 'can be negative';
CREATE OR REPLACE FUNCTION touch() RETURNS trigger AS $body$ BEGIN NEW.created_at = now(); RETURN NEW; END; $body$ LANGUAGE plpgsql;
CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE PROCEDURE touch();
