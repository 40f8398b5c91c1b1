/** How long daprd may take to answer. Unit: milliseconds. */
const answerLimit = 2_000;

export interface SidecarOptions {
  /** Of daprd's HTTP API, such as `http://127.0.0.1:3500`. */
  url: string;
  /** Where daprd asks for one (its API token). */
  token?: string | undefined;
}

/** The HTTP API of the one daprd that this component serves. */
export class Sidecar {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor({ url, token }: SidecarOptions) {
    this.url = url;
    this.#headers = token ? { 'dapr-api-token': token } : {};
  }

  /**
   * @returns the names of the Components of this type that daprd has loaded
   * @throws Error when daprd cannot be asked, within 2 s
   */
  async components(type: string): Promise<string[]> {
    const { components = [] } = (await (await this.#call('GET', 'metadata')).json()) as {
      components?: { name: string; type: string }[];
    };
    return components.filter((component) => component.type === type).map(({ name }) => name);
  }

  /** @throws Error when daprd does not take the request, within 2 s */
  async shutdown(): Promise<void> {
    await this.#call('POST', 'shutdown');
  }

  async #call(method: string, path: string): Promise<Response> {
    const response = await fetch(new URL(`/v1.0/${path}`, this.url), {
      method,
      headers: this.#headers,
      signal: AbortSignal.timeout(answerLimit),
    });
    if (!response.ok) throw new Error(`${method} /v1.0/${path}: ${response.status}`);
    return response;
  }
}
