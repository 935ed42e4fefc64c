// The panel on a screen, over a server of canned answers; what is clicked is noted, not done.
import { Session } from '@jupyterlab/services';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { CommandIDs } from '../commands/commandIds';
import { GpuContainersModel } from '../model/model';
import { ISectionsStore, SectionsModel } from '../model/sections';
import { GpuContainersPanel } from '../panel/panel';
import { FakeEvents, FakeServer, makeJobs, makeModel } from './fakes';
import { rendered, show, trans } from './screen';

/** Commands of others that rows offer where they are there. */
export const OTHERS = ['gpu-containers:new-notebook'];

/** A panel, and what was done in it. */
export interface IPanelScreen {
  widget: GpuContainersPanel;
  node: HTMLElement;
  model: GpuContainersModel;
  events: FakeEvents;
  /** Ids and arguments of the commands. */
  executed: [string, unknown][];
  /** Let other sessions run. */
  setSessions: (sessions: Partial<Session.IModel>[]) => Promise<void>;
  /** What the panel shows of a section; null where there is none. */
  section: (name: string) => HTMLElement | null;
}

/** Commands that only say that they were asked for. */
export function makeCommands(executed: [string, unknown][]): CommandRegistry {
  const commands = new CommandRegistry();
  for (const id of [...Object.values(CommandIDs), ...OTHERS]) {
    if (!commands.hasCommand(id)) {
      commands.addCommand(id, {
        label: id,
        describedBy: { args: { type: 'object', properties: {} } },
        execute: args => {
          executed.push([id, args]);
        }
      });
    }
  }
  return commands;
}

/** Show the panel, once everything was loaded or could not be. */
export async function showPanel(
  server = new FakeServer(),
  options: {
    store?: ISectionsStore;
    isLoaded?: boolean;
    /** Behind another panel of the same side. */
    isHidden?: boolean;
  } = {}
): Promise<IPanelScreen> {
  const { store = null, isLoaded = true, isHidden = false } = options;
  const executed: [string, unknown][] = [];
  let running: Partial<Session.IModel>[] = [];
  const sessions = {
    running: () => running[Symbol.iterator](),
    runningChanged: new Signal<object, void>({})
  };
  const { model } = await makeModel(server);
  const { jobs, registries, events } = await makeJobs(server);
  if (isLoaded) {
    await model.refresh();
    await registries.refresh();
    await registries.loadRecommended();
  }
  const sections = new SectionsModel(store);
  await sections.restore();
  const widget = new GpuContainersPanel({
    model,
    jobs,
    registries,
    sections,
    sessions: sessions as unknown as Session.IManager,
    commands: makeCommands(executed),
    language: 'en',
    trans
  });
  widget.setHidden(isHidden);
  await show(widget);
  const { node } = widget;
  return {
    widget,
    node,
    model,
    events,
    executed,
    setSessions: async next => {
      running = next;
      sessions.runningChanged.emit();
      await rendered(widget);
    },
    section: name =>
      node.querySelector<HTMLElement>(`section[aria-label="${name}"]`)
  };
}

/** The labels of the menu that is open. */
export function menuLabels(): (string | null)[] {
  const labels = document.querySelectorAll('.lm-Menu-itemLabel');
  return [...labels]
    .map(({ textContent }) => textContent)
    .filter(text => text !== '');
}

/** Click on something that is found by its title. */
export function clickTitle(node: Element, title: string): void {
  const found = node.querySelector<HTMLElement>(`[title="${title}"]`);
  if (!found) {
    throw new Error(`nothing titled ${title} in ${node.innerHTML}`);
  }
  found.click();
}

// an open menu would be found by the next test
afterEach(() => {
  for (const menu of document.querySelectorAll('.lm-Menu')) {
    menu.dispatchEvent(new KeyboardEvent('keydown', { keyCode: 27 }));
  }
  expect(document.querySelector('.lm-Menu')).toBeNull();
});
