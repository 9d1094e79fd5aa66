// @ts-check
/** Whether the server answers. It may be stopped and started while the page is open. */

const PAUSE = 1500;

/** Tells "away", "back" and "refused" as events. */
class Connection extends EventTarget {
  away = false;

  /** Someone got no answer: ask until there is one. */
  lost() {
    if (this.away) return;
    this.away = true;
    this.dispatchEvent(new Event("away"));
    this.#wait();
  }

  /** The server wants a token that this browser does not have. */
  refused() {
    this.dispatchEvent(new Event("refused"));
  }

  #wait() {
    setTimeout(async () => {
      try {
        const answer = await fetch("/v1/health");
        if (!answer.ok && answer.status !== 401) throw new Error(String(answer.status));
      } catch {
        this.#wait();
        return;
      }
      this.away = false;
      this.dispatchEvent(new Event("back"));
    }, PAUSE);
  }
}

export const connection = new Connection();
