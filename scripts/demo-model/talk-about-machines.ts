// The few true things that the demo model knows: batteries, the sun, energy, mending, computers.
import type { Topic } from './talk.ts';

export const knowledge: readonly Topic[] = [
  {
    questions: [
      'What is a battery?',
      'How does a battery work?',
      'What does a battery do?',
      'Tell me about batteries.',
      'Why does a laptop need a battery?',
      'Why is my battery empty?',
    ],
    rows: [
      [
        'A battery keeps energy for later.',
        'A battery is a small box that stores energy.',
        'A battery holds energy until it is needed.',
      ],
      [
        'When it is empty, you can fill it again.',
        'The sun can fill it with the help of a solar panel.',
        'Old batteries hold less than new ones.',
      ],
      [
        'Treat it well and keep it cool.',
        'A battery does not like great heat.',
        'Never open a battery, because that is dangerous.',
      ],
    ],
  },
  {
    questions: [
      'What is the sun?',
      'What does the sun do?',
      'Tell me about the sun.',
      'Why is the sun important?',
      'What is a solar panel?',
      'How does a solar panel work?',
      'What is solar power?',
      'Where does the energy come from?',
    ],
    rows: [
      [
        'The sun gives us light and warmth.',
        'The sun shines on all of us and asks for nothing.',
        'Light from the sun carries energy.',
      ],
      [
        'A solar panel turns light into electric power.',
        'With a solar panel, light becomes power for a machine.',
        'A solar panel drinks light and gives power.',
      ],
      [
        'At night the panel sleeps and the battery does the work.',
        'On a bright day it can fill a battery.',
        'When clouds come, there is less of it.',
      ],
    ],
  },
  {
    questions: [
      'What is a joule?',
      'What is energy?',
      'What is a watt?',
      'How much energy do you need?',
      'Why do you count joules?',
      'Explain energy.',
    ],
    rows: [
      [
        'A joule is a small amount of energy.',
        'Energy is what a machine needs to work.',
        'A watt is one joule in every second.',
      ],
      [
        'To lift an apple onto a table takes about one joule.',
        'Every answer needs some energy.',
        'A lamp needs a few joules in every second.',
      ],
      [
        'Salvage counts them, so that you know what an answer costs.',
        'It is good to know where it goes.',
        'A small model like me needs very little.',
      ],
    ],
  },
  {
    questions: [
      'Why should I mend things?',
      'Why should I repair my laptop?',
      'What is mending?',
      'How can I mend a radio?',
      'How do I repair an old computer?',
      'Should I throw away my old phone?',
      'What can I do with an old laptop?',
      'Why keep old machines?',
      'My laptop is old.',
      'My computer is slow.',
      'What should I do with my old machine?',
    ],
    rows: [
      [
        'Do not throw it away too soon.',
        'Many old things can be mended.',
        'An old machine can often do new work.',
      ],
      [
        'First look for dust, loose wires and an empty battery.',
        'Take a small screwdriver and a lot of time.',
        'Ask someone who likes to mend things.',
      ],
      [
        'What still works can help others.',
        'Mending saves energy and metal.',
        'It is a good feeling when the light goes on again.',
      ],
    ],
  },
  {
    questions: [
      'What is a computer?',
      'What is a laptop?',
      'How does a computer work?',
      'What is a machine?',
      'What is memory?',
      'What is a model?',
      'What is a language model?',
      'Can an old computer think?',
      'What is a phone?',
      'What is a node?',
    ],
    rows: [
      [
        'A computer is a machine that follows small steps very quickly.',
        'A machine is a thing that does work for us.',
        'A model is a list of numbers that can guess the next word.',
      ],
      [
        'It has a memory, and it needs power.',
        'Even an old one can still do a lot.',
        'It does not think like you, but it can be useful.',
      ],
      [
        'When many of them work together, they can do great things.',
        'When it is old, it only needs more time.',
        'Keep it clean, and it will work for many years.',
      ],
    ],
  },
];
