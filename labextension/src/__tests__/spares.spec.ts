// Containers that wait for kernels: the command that removes them.
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addIdleCommands } from '../commands/idleCommands';
import { FakeServer, json, makeModel } from './fakes';
import { button, settled, trans } from './screen';
import { waitForDialog } from './dialogs';

async function withSpares(count: number) {
  const server = new FakeServer();
  const status = server.answers.get('GET status') as object;
  const answer = (count: number) =>
    server.answers.set('GET status', {
      ...status,
      spares: { count, memory: null, gpus: 0 },
      findings: []
    });
  answer(count);
  const { model } = await makeModel(server);
  await model.refresh();
  const commands = new CommandRegistry();
  const currentKernel = () => undefined;
  addIdleCommands({ commands, model, trans, currentKernel });
  return { server, model, commands, answer };
}

it('removes them, and knows at once that they are gone', async () => {
  const { server, model, commands, answer } = await withSpares(1);
  expect(commands.isEnabled(CommandIDs.giveUpSpares)).toBe(true);
  server.answers.set('DELETE spares', () => {
    answer(0);
    return new Response(null, { status: 204 });
  });
  expect(await commands.execute(CommandIDs.giveUpSpares)).toBe(true);
  expect(model.status!.spares.count).toBe(0);
  expect(commands.isEnabled(CommandIDs.giveUpSpares)).toBe(false);
  model.dispose();
});

it('says why they could not be removed', async () => {
  const { server, model, commands } = await withSpares(1);
  const problem = { code: 'no', message: 'The engine is away.', hint: '' };
  server.answers.set('DELETE spares', json(problem, 503));
  const done = commands.execute(CommandIDs.giveUpSpares);
  await waitForDialog();
  await settled();
  expect(document.body.textContent).toContain(problem.message);
  button(document.body, 'Close').click();
  expect(await done).toBe(false);
  expect(model.status!.spares.count).toBe(1);
  model.dispose();
});
