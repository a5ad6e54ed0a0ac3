-- retain-drop: takes one month of facts away, whole; a month that is gone already is no error.
-- params: facts Identifier, month String
-- caller: src/adapters/fact-retention.ts
ALTER TABLE {facts:Identifier} DROP PARTITION ID {month:String}
