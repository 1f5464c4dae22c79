// Answers that go wrong, as tests order them: each endpoint has a queue, and each request takes one from it.

const UNFINISHED = Buffer.from('{"access_token": "never-finished", "token_type": "Bearer", "expires_in": 36');

export class Faults {
  #queues = new Map();

  #waits = new Set();

  add(endpoint, fault, times) {
    if (!this.#queues.has(endpoint)) this.#queues.set(endpoint, []);
    this.#queues.get(endpoint).push(...Array(times).fill(fault));
  }

  take(endpoint) {
    return this.#queues.get(endpoint)?.shift();
  }

  /** Forget what was ordered, and let everything go on that waits. */
  clear() {
    this.#queues.clear();
    for (const go of this.#waits) go();
  }

  #wait(seconds) {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waits.delete(go);
        resolve();
      };
      const timer = setTimeout(go, seconds * 1000);
      this.#waits.add(go);
    });
  }

  /** Answer as the fault says. `body` is the provider's own answer, if it was asked, and `end` sends what it is given. */
  async answer(fault, res, body, end) {
    switch (fault.kind) {
      case 'answer':
        for (const name of res.getHeaderNames()) res.removeHeader(name);
        res.writeHead(fault.status, fault.headers);
        end(fault.body);
        break;
      case 'truncated': {
        const whole = Buffer.from(body ?? UNFINISHED);
        res.setHeader('content-type', 'application/json; charset=utf-8');
        res.setHeader('content-length', whole.length >> 1);
        end(whole.subarray(0, whole.length >> 1));
        break;
      }
      case 'delay':
        await this.#wait(fault.seconds);
        end(body);
        break;
      case 'cut':
        await this.#wait(fault.seconds);
        res.destroy();
        break;
      default:
        throw new Error(`no such fault: ${fault.kind}`);
    }
  }
}
