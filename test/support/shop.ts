// Test support: a contract of a small shop, with everything a cell can be: numbers with bounds, gaps, names, an identifier, a forbidden column.
export const SHOP_CONTRACT = `name: shop
version: 1.0.0
source: { delimiter: ",", null_values: ["", NA] }
label: { name: churned, positive: "yes", negative: "no" }
event_time: at
entity: id
features:
  spend: { kind: continuous, min: 0, max: 1000 }
  visits: { kind: continuous, min: 0, max: 99, integer: true, missing: allow }
  day: { kind: ordinal, values: [1, 2, 3] }
  town: { kind: nominal, values: frozen, unseen: other, missing: allow }
forbidden: [secret]
`;
