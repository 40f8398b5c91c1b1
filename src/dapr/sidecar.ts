/** How long daprd may take to answer. Unit: milliseconds. */
const answerLimit = 2_000;

export interface SidecarOptions {
  /** URL of daprd's HTTP API, such as `http://127.0.0.1:3500`. */
  url: string;
  /** daprd's API token, if it requires one. */
  token?: string | undefined;
  /** Whether the URL was not configured. It may lead to a daprd that uses another component. */
  guessed?: boolean;
}

/** daprd has answered something unexpected. */
export class SidecarError extends Error {
  override name = 'SidecarError';
}

/** Largest answer that is read from daprd. Unit: bytes. */
const mostBytes = 4 * 1024 * 1024;

/** A Component as daprd lists it. */
interface Listed {
  name: string;
  type: string;
  capabilities?: string[];
}

/** The HTTP API of the one daprd that this component serves. */
export class Sidecar {
  readonly url: string;
  readonly guessed: boolean;
  readonly #headers: Record<string, string>;

  constructor({ url, token, guessed = false }: SidecarOptions) {
    this.url = url;
    this.guessed = guessed;
    this.#headers = token ? { 'dapr-api-token': token } : {};
  }

  /**
   * @param capability a feature that a Component of the same type that is built into daprd does not have
   * @returns the names of the Components of this type that daprd has loaded
   * @throws SidecarError when daprd answers something else; Error when it does not answer within 2 s
   */
  async components(type: string, capability: string): Promise<string[]> {
    const components = listed(await this.#call('GET', 'metadata'));
    const ours = components.filter(
      (component) => component.type === type && component.capabilities?.includes(capability),
    );
    return ours.map(({ name }) => name);
  }

  /** @throws Error when daprd does not take the request, within 2 s */
  async shutdown(): Promise<void> {
    await this.#call('POST', 'shutdown');
  }

  /** Redirects are not followed: the token is for daprd alone. */
  async #call(method: string, path: string): Promise<string> {
    const response = await fetch(new URL(`/v1.0/${path}`, this.url), {
      method,
      headers: this.#headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(answerLimit),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new SidecarError(`${method} /v1.0/${path}: ${response.status}`);
    }
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of response.body ?? []) {
      text += decoder.decode(part, { stream: true });
      if (text.length > mostBytes) throw new SidecarError(`${method} /v1.0/${path}: too long`);
    }
    return text;
  }
}

function listed(text: string): Listed[] {
  try {
    const { components = [] } = JSON.parse(text);
    if (Array.isArray(components) && components.every((one) => typeof one?.name === 'string')) {
      return components;
    }
  } catch {
    // The error is thrown below.
  }
  throw new SidecarError('GET /v1.0/metadata: no list of components');
}
