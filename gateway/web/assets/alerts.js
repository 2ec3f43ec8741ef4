/**
 * A sound and a notification for what the agent writes while nobody looks. Both are off until a tap asks for them, and a
 * notification says who wrote, never what: it may stand on a locked screen.
 */

import { inFrame } from './carrier.js';
import { announce, h, icon } from './dom.js';
import { read, remove, write } from './storage.js';
import { say } from './words.js';

/** @import { State } from './store.js' */

const SOUND = 'tempchat:sound';
const NOTIFY = 'tempchat:notify';

/** @type {AudioContext | undefined} */
let audio;

/** The switches for the menu; only those that this browser can serve. */
export function alertSwitches() {
  return [
    toggle('menu.sound', SOUND, async () => {
      chime();
      return true;
    }),
    // No browser notifies on behalf of a frame.
    'Notification' in window && !inFrame() && toggle('menu.notify', NOTIFY, async () => {
      if (await Notification.requestPermission() === 'granted') return true;
      announce(say('menu.notify_refused'));
      return false;
    }),
  ];
}

/** Tells that the agent wrote, as the chatter wishes. @param {State} state */
export function alert({ session }) {
  if (read(SOUND)) chime();
  if (document.visibilityState === 'visible' || !read(NOTIFY) || Notification.permission !== 'granted') return;
  try {
    const note = new Notification(say('chat.news', { agent: session.agent_name }), { tag: session.id });
    note.onclick = () => {
      window.focus();
      note.close();
    };
  } catch {
    // Phones show notifications of installed pages only.
    remove(NOTIFY);
  }
}

/**
 * @param {'menu.sound' | 'menu.notify'} word
 * @param {string} key
 * @param {() => Promise<boolean>} begin whether it may be switched on
 */
function toggle(word, key, begin) {
  const button = h('button', {
    type: 'button',
    class: 'switch',
    'aria-pressed': String(Boolean(read(key))),
    onclick: async () => {
      const on = !read(key) && await begin();
      if (on) write(key, 'on');
      else remove(key);
      button.setAttribute('aria-pressed', String(on));
    },
  }, icon('check'), h('span', {}, say(word)));
  return button;
}

/** Two soft notes, made here: no file to fetch. */
function chime() {
  audio ??= new AudioContext();
  // Without a tap since the page was loaded a browser keeps it silent, which is its right.
  audio.resume().catch(() => {});
  const volume = audio.createGain();
  volume.connect(audio.destination);
  const start = audio.currentTime;
  [660, 880].forEach((pitch, index) => {
    const note = new OscillatorNode(/** @type {AudioContext} */ (audio), { frequency: pitch });
    note.connect(volume);
    note.start(start + index * 0.12);
    note.stop(start + index * 0.12 + 0.18);
  });
  volume.gain.setValueAtTime(0.08, start);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.35);
}
