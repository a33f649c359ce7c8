// The words of the demo model's stories.

export interface Trouble {
  wrong: string;
  sign: string;
  fix: string;
  tool: string;
  /** The only machines that can have it; every one, when absent. */
  of?: readonly string[];
}

export const girls = [
  'Mia',
  'Anna',
  'Lena',
  'Rosa',
  'Ida',
  'Nora',
  'Emma',
  'Sara',
  'Zoe',
  'Clara',
  'Amina',
];
export const boys = [
  'Tom',
  'Ben',
  'Leo',
  'Max',
  'Sam',
  'Otto',
  'Paul',
  'Jonas',
  'Finn',
  'Omar',
  'Karl',
];

export const machines = [
  'laptop',
  'phone',
  'computer',
  'radio',
  'tablet',
  'camera',
  'clock',
  'printer',
  'lamp',
  'robot',
  'board',
  'typewriter',
  'toaster',
  'projector',
  'music box',
  'television',
  'calculator',
  'telephone',
] as const;

export const looks = [
  'old',
  'dusty',
  'grey',
  'small',
  'heavy',
  'slow',
  'tired',
  'quiet',
  'little',
  'blue',
  'green',
  'brown',
  'rusty',
  'forgotten',
  'shy',
  'brave',
  'clever',
  'cheerful',
  'grumpy',
  'patient',
  'silver',
  'black',
];

export const places = [
  'in a drawer',
  'under a bed',
  'on a high shelf',
  'in a box in the attic',
  'behind a cupboard',
  'in a garden shed',
  'at the back of a classroom',
  'in a cold cellar',
  'in the window of a little shop',
  'in a barn on a hill',
  'under a pile of books',
  'in a library',
  'next to a cold stove',
  'in the corner of a workshop',
  'on a windowsill',
  'on a market stall',
  'in an old suitcase',
  'beside a broken chair',
  'at the bottom of a wooden chest',
];

export const machineTroubles: readonly Trouble[] = [
  {
    wrong: 'its battery was empty',
    sign: 'its light stayed dark',
    fix: 'gave it a new battery',
    tool: 'a small screwdriver',
  },
  {
    wrong: 'its cable was broken',
    sign: 'no power came in',
    fix: 'mended the cable',
    tool: 'a piece of copper wire',
  },
  {
    wrong: 'a screw was missing',
    sign: 'it shook and rattled',
    fix: 'put in a new screw',
    tool: 'a small screwdriver',
  },
  {
    wrong: 'it was full of dust',
    sign: 'it became too hot',
    fix: 'blew out all the dust',
    tool: 'a soft brush',
  },
  {
    wrong: 'one of its keys was stuck',
    sign: 'it could not say its own name',
    fix: 'cleaned the key',
    tool: 'a clean cloth',
    of: ['laptop', 'computer', 'typewriter', 'calculator', 'telephone'],
  },
  {
    wrong: 'its fan did not turn',
    sign: 'it was too warm to think',
    fix: 'put a drop on the fan',
    tool: 'a little can of oil',
    of: ['laptop', 'computer', 'projector', 'robot', 'board', 'printer'],
  },
  {
    wrong: 'its switch was loose',
    sign: 'it fell asleep all the time',
    fix: 'fixed the switch',
    tool: 'a little pair of pliers',
  },
  {
    wrong: 'a wire had come off',
    sign: 'it could only hum',
    fix: 'joined the wire again',
    tool: 'a warm iron and some tin',
  },
  {
    wrong: 'its memory was full',
    sign: 'it forgot every new thing',
    fix: 'tidied up its memory',
    tool: 'a cup of tea',
    of: [
      'laptop',
      'computer',
      'phone',
      'tablet',
      'camera',
      'robot',
      'board',
      'printer',
      'calculator',
    ],
  },
];

export const jobs = [
  'told stories to the children',
  'counted the birds in the garden',
  'kept the time for the whole house',
  'watched over the tomatoes',
  'played music in the kitchen',
  'helped with the homework',
  'said good morning to everyone',
  'wrote letters to faraway friends',
  'showed pictures of the sea',
  'listened to the rain and wrote it down',
  'answered one question after another',
  'sang a song every evening',
  'told everyone when the bread was ready',
  'looked after the hens',
  'counted the stars',
  'greeted the postman',
  'taught the children to count',
  'guarded the house at night',
  'remembered all the birthdays',
  'drew pictures of clouds',
];

export const friends = [
  'a cat',
  'a sparrow',
  'a snail',
  'a mouse',
  'a spider',
  'an old dog',
  'a bee',
  'a moth',
];

export const morals = [
  'Old things can learn new work.',
  'What can be mended should not be thrown away.',
  'A little care goes a long way.',
  'Nobody is too old to be useful.',
  'Slow work is still good work.',
  'The sun has enough for everyone.',
  'It is good to be needed.',
  'A broken thing is only a thing that waits.',
  'Patience mends more than force.',
  'Every drawer hides a helper.',
  'Nothing that still works is rubbish.',
  'The best power is the power that you do not waste.',
  'Small machines can do great things together.',
  'A friend is someone who takes the time to look.',
];
