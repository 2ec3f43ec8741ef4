/**
 * The switches of the menu for a sound and for notifications.
 */

import { NOTIFY, SOUND, chime } from './alerts.js';
import { inFrame } from './carrier.js';
import { announce, h, icon } from './dom.js';
import { read, remove, write } from './storage.js';
import { say } from './words.js';

/** Only those that this browser can serve. */
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
