// Everything the provider has issued, in memory, and a ledger of every secret that ever passed through.

const GRANTABLE = ['AccessToken', 'AuthorizationCode', 'DeviceCode', 'RefreshToken'];
const SECRET_MODELS = {
  AccessToken: 'access_token',
  AuthorizationCode: 'code',
  DeviceCode: 'device_code',
  RefreshToken: 'refresh_token',
};
const SECRET_PARAMETERS = [
  'access_token',
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'id_token',
  'refresh_token',
];

const now = () => Math.floor(Date.now() / 1000);

export class Storage {
  #models = new Map();

  #secrets = new Map();

  /** What the provider keeps the records of one model in (its `adapter`). */
  adapter = (model) => {
    const records = this.#records(model);
    const where = (holds) => [...records.values()].find(holds);
    return {
      upsert: async (id, payload) => {
        records.set(id, payload);
        if (model in SECRET_MODELS) this.note({ [SECRET_MODELS[model]]: id });
      },
      find: async (id) => records.get(id),
      findByUid: async (uid) => where((payload) => payload.uid === uid),
      findByUserCode: async (userCode) => where((payload) => payload.userCode === userCode),
      consume: async (id) => { records.get(id).consumed = now(); },
      destroy: async (id) => { records.delete(id); },
      revokeByGrantId: async (grantId) => {
        for (const [id, payload] of records) if (payload.grantId === grantId) records.delete(id);
      },
    };
  };

  #records(model) {
    if (!this.#models.has(model)) this.#models.set(model, new Map());
    return this.#models.get(model);
  }

  /** Keep the secrets among these parameters in the ledger. */
  note(parameters) {
    for (const kind of SECRET_PARAMETERS) {
      if (!parameters[kind]) continue;
      if (!this.#secrets.has(kind)) this.#secrets.set(kind, new Set());
      this.#secrets.get(kind).add(parameters[kind]);
    }
  }

  /** Every secret that was ever issued or received, by kind. */
  get secrets() {
    return Object.fromEntries([...this.#secrets].map(([kind, values]) => [kind, [...values]]));
  }

  /** The record of a token or code; an error if nobody knows it. */
  #find(token) {
    const record = GRANTABLE.map((model) => this.#records(model).get(token)).find(Boolean);
    if (!record) throw new Error('no such token or code is alive');
    return record;
  }

  /** Let a token or code be past its time. */
  expire(token) {
    this.#find(token).exp = now() - 1;
  }

  /** Take back the grant that a token came from, with all its tokens. */
  revokeGrantOf(token) {
    const { grantId } = this.#find(token);
    if (!grantId) throw new Error('nobody has granted this yet');
    this.#revoke(grantId);
  }

  /** Take back everything that an account has granted. */
  revokeAccount(account) {
    for (const [id, grant] of this.#records('Grant')) if (grant.accountId === account) this.#revoke(id);
  }

  #revoke(grantId) {
    this.#records('Grant').delete(grantId);
    for (const model of GRANTABLE) {
      const records = this.#records(model);
      for (const [id, payload] of records) if (payload.grantId === grantId) records.delete(id);
    }
  }
}
