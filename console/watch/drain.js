// The dialog that takes a shard out of service: asks for confirmation, drains, and shows the outcome.
import { ApiError, post } from '../api.js';
import { element, say } from '../elements.js';
import { onDrain } from './shards.js';

/** A drain that takes longer fails. It usually takes up to ten seconds, in which the shard completes its calls. */
const PATIENCE_MS = 60_000;

const dialog = element('drain-dialog', HTMLDialogElement);
const form = element('drain-form', HTMLFormElement);
const title = element('drain-title', HTMLElement);
const problem = element('drain-problem', HTMLElement);
const confirm = element('drain-confirm', HTMLButtonElement);
const result = element('drain-result', HTMLElement);

let address = '';
/** Whether the gateway has refused to drain the shard, so that the next press of the button drains it anyway. */
let force = false;

onDrain((shard) => {
  address = shard.address;
  force = false;
  say(title, `Drain ${address}?`);
  problem.hidden = true;
  confirm.disabled = false;
  say(confirm, 'Drain');
  dialog.showModal();
});

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const asked = address;
  confirm.disabled = true;
  say(confirm, 'Draining');
  try {
    const answer = await post('v1/shards/drain', { address: asked, force }, AbortSignal.timeout(PATIENCE_MS));
    const { safe_to_delete: safe, in_flight: cut } = await answer.json();
    const outcome = safe ? '. It is safe to delete.' : `, but ${cut} calls were cut off.`;
    say(result, `${asked} has left service${outcome}`);
    if (address === asked) dialog.close();
  } catch (error) {
    if (address !== asked || !dialog.open) return;
    problem.hidden = false;
    force = error instanceof ApiError && error.code === 'only_holder';
    say(problem, error instanceof Error ? error.message : String(error));
    say(confirm, force ? 'Drain anyway' : 'Drain');
    confirm.disabled = false;
  }
});
element('drain-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
