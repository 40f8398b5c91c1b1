import { ComponentError, messageOf } from '../errors.ts';
import { Connection } from '../jetstream/connection.ts';
import { denied, type Permissions, permitted } from '../jetstream/permissions.ts';
import {
  anyApp,
  type PlannedStream,
  plannedConsumer,
  plannedDeadLetterStream,
  plannedStream,
} from '../jetstream/plan.ts';
import { checkSubscribeSubject, publishFault } from '../jetstream/subject.ts';
import type { Logger } from '../log.ts';
import { meant } from '../misspelling.ts';
import { type Config, parseConfig, withOverrides } from './config.ts';
import {
  type ComponentResource,
  type Finding,
  type Resource,
  readResources,
  type SubscriptionResource,
} from './resources.ts';

export interface CheckOptions {
  files: string[];
  /** Ask the NATS server too. */
  connect: boolean;
  /** The app in the names of consumers, where a Subscription names none; undefined for any. */
  appId: string | undefined;
  log: Logger;
}

export interface Report {
  lines: string[];
  /** False when something would not work. */
  ok: boolean;
}

/**
 * Reads Component and Subscription files as daprd would, and says what is wrong with them and what
 * each subscription would create. Creates nothing, also with `connect`.
 */
export async function check(options: CheckOptions): Promise<Report> {
  const report = new Findings();
  const resources: Resource[] = [];
  for (const file of options.files) {
    const read = await readResources(file);
    resources.push(...read.resources);
    for (const { level, text } of read.findings) report[level](text);
  }
  const components = resources.filter((one) => one.kind === 'Component');
  const subscriptions = resources.filter((one) => one.kind === 'Subscription');
  const own = components.filter(({ type }) => /^pubsub\.(nats-)?jetstream$/.test(type));
  const ownNames = own.map(({ name }) => name);
  for (const { file, name, type } of components) {
    if (!type.startsWith('pubsub.')) report.note(`${file}: ${name} is a ${type}: passed over`);
    else if (!ownNames.includes(name)) {
      report.note(`${file}: ${name} is a ${type}, not of this component: passed over`);
    }
  }
  for (const { file, name, pubsub } of subscriptions) {
    if (components.some((one) => one.name === pubsub)) continue;
    const near = meant(pubsub, ownNames);
    const text = `${file}: Subscription ${name} names "${pubsub}", which no Component read here is`;
    report.warning(near ? `${text}; did you mean ${near}?` : text);
  }
  for (const [index, { file, name }] of components.entries()) {
    if (components.findIndex((one) => one.name === name) < index) {
      const remedy = 'name the files of one resources folder at a time';
      report.problem(`${file}: a second Component ${name}; ${remedy}`);
    }
  }
  if (own.length === 0 && report.ok) {
    report.problem(`no Component of type pubsub.nats-jetstream in ${options.files.join(', ')}`);
  }
  for (const component of own) {
    const mine = subscriptions.filter(({ pubsub }) => pubsub === component.name);
    await checkComponent(component, mine, options, report);
  }
  return { lines: report.lines, ok: report.ok };
}

async function checkComponent(
  component: ComponentResource,
  subscriptions: SubscriptionResource[],
  options: CheckOptions,
  report: Findings,
): Promise<void> {
  const { appId } = options;
  report.title(`${component.file}: Component ${component.name} (${component.type})`);
  tellScopes('', component.scopes, appId, report);
  let config: Config;
  try {
    const parsed = parseConfig(component.properties, component.secrets);
    config = parsed.config;
    // daprd sets it to the app id, which is not known before.
    const given = Object.entries(component.properties).some(
      ([key, value]) => /^consumerid$/i.test(key) && value.trim() !== '',
    );
    if (!given) config = { ...config, consumerID: '' };
    for (const warning of parsed.warnings) report.warning(warning);
  } catch (error) {
    for (const problem of ComponentError.from(error).problems) report.problem(problem);
    return;
  }
  report.fine('the metadata is valid');
  if (component.secrets.length > 0) {
    report.note(`not looked at, from a secret store: ${component.secrets.join(', ')}`);
  }
  if (!options.connect) {
    for (const one of subscriptions) plan(one, component, config, appId, report);
    return;
  }
  if (component.secrets.length > 0) {
    report.problem('cannot connect without the values from the secret store');
    return;
  }
  let connection: Connection;
  try {
    connection = await Connection.open(config, options.log);
  } catch (error) {
    report.problem(messageOf(error));
    return;
  }
  try {
    report.fine(`connected to ${connection.server} and let in`);
    const permissions = await connection.permissions().catch((error) => {
      report.note(`permissions to publish to topics not looked at: ${messageOf(error)}`);
      return undefined;
    });
    for (const one of subscriptions) {
      const settings = plan(one, component, config, appId, report);
      if (settings) await checkOnServer(one.topic, settings, connection, permissions, report);
    }
  } finally {
    await connection.close();
  }
}

/** What is scoped to other apps is passed over by this one's daprd, without a word. */
function tellScopes(
  of: string,
  scopes: string[],
  appId: string | undefined,
  report: Findings,
): void {
  if (appId === undefined || scopes.length === 0 || scopes.includes(appId)) return;
  const why = `it is scoped to ${scopes.join(', ')}`;
  report.warning(`${of}the daprd of ${appId} does not load it: ${why}`);
}

/** Says what a Subscription would create. Undefined when it cannot work. */
function plan(
  { name, topic, metadata, scopes }: SubscriptionResource,
  component: ComponentResource,
  settings: Config,
  appId: string | undefined,
  report: Findings,
): Config | undefined {
  const warn = (warnings: string[]) => {
    for (const warning of warnings) report.warning(`Subscription ${name}: ${warning}`);
  };
  tellScopes(`Subscription ${name}: `, scopes, appId, report);
  const loading = component.scopes;
  const anywhere = loading.length > 0 ? loading : [appId ?? anyApp];
  const apps =
    scopes.length === 0
      ? anywhere
      : scopes.filter((app) => loading.length === 0 || loading.includes(app));
  const without = scopes.filter((app) => !apps.includes(app));
  if (without.length > 0) {
    const why = `that Component is scoped to ${loading.join(', ')}`;
    warn([`${without.join(', ')}: no ${component.name} there, for ${why}`]);
  }
  try {
    checkSubscribeSubject(topic);
    const { config, warnings } = withOverrides(settings, metadata, component.secrets);
    warn(warnings);
    for (const app of apps) {
      const named = { ...config, consumerID: config.consumerID || app };
      report.fine(`Subscription ${name}: ${plannedConsumer(named, topic)}`);
    }
    const [first] = apps;
    return first === undefined ? undefined : { ...config, consumerID: config.consumerID || first };
  } catch (error) {
    report.problem(`Subscription ${name}: ${messageOf(error)}`);
    // The error has values that cannot be used, and no word of keys that are no field.
    const keys = Object.fromEntries(Object.keys(metadata).map((key) => [key, '']));
    warn(withOverrides(settings, keys, component.secrets).warnings);
    return undefined;
  }
}

async function checkOnServer(
  topic: string,
  config: Config,
  connection: Connection,
  permissions: Permissions | undefined,
  report: Findings,
): Promise<void> {
  const { deadLetterSubject: dead, streamManagement } = config;
  const told = async (subject: string, of: string, asked: Promise<PlannedStream>) => {
    try {
      const { found, needed } = await asked;
      if (found !== undefined) report.fine(`${of}stream ${found} takes the subject "${subject}"`);
      else {
        report.note(
          `${of}no stream takes the subject "${subject}" yet; the component would make one, or ` +
            `add it to one (streamManagement is ${streamManagement})`,
        );
      }
      return needed;
    } catch (error) {
      report.problem(`${of}${messageOf(error)}`);
      return [];
    }
  };
  const needed = await told(topic, '', plannedStream(connection, config, topic));
  if (dead !== undefined) {
    const asked = plannedDeadLetterStream(connection, config, topic, dead);
    needed.push(...(await told(dead, 'deadLetterSubject: ', asked)));
  }
  const may = (subject: string) =>
    permissions === undefined || permitted(permissions.publish, subject);
  let lacking: string[] = [];
  try {
    lacking = permissions ? needed.filter((one) => !may(one)) : await denied(connection, needed);
  } catch (error) {
    report.problem(`permissions not looked at: ${messageOf(error)}`);
  }
  if (dead !== undefined && !may(dead)) lacking.push(dead);
  // The dead letters may be for the same stream.
  for (const subject of new Set(lacking)) report.problem(`the user may not publish to ${subject}`);
  if (publishFault(topic) === undefined && !may(topic)) {
    report.note(`the user may not publish to ${topic}: its apps can only subscribe`);
  }
}

class Findings implements Record<Finding['level'], (text: string) => void> {
  readonly lines: string[] = [];
  ok = true;

  title(text: string): void {
    this.lines.push(text);
  }

  fine(text: string): void {
    this.lines.push(`  ok       ${text}`);
  }

  note(text: string): void {
    this.lines.push(`  note     ${text}`);
  }

  warning(text: string): void {
    this.lines.push(`  warning  ${text}`);
  }

  problem(text: string): void {
    this.ok = false;
    this.lines.push(`  problem  ${text}`);
  }
}
