// The grammar of the demo model's stories: who, which machine, what was wrong, what helped.
// One story keeps one person, one machine and one trouble from beginning to end.
import type { Chance } from './chance.ts';
import {
  boys,
  friends,
  girls,
  jobs,
  looks,
  machines,
  machineTroubles,
  morals,
  places,
  type Trouble,
} from './story-words.ts';

interface Person {
  name: string;
  kind: string;
  they: string;
  them: string;
  their: string;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

function person(chance: Chance): Person {
  if (chance.maybe(0.5))
    return { name: chance.pick(girls), kind: 'girl', they: 'she', them: 'her', their: 'her' };
  return { name: chance.pick(boys), kind: 'boy', they: 'he', them: 'him', their: 'his' };
}

export interface StoryWish {
  machine?: string;
  name?: string;
  /** The animal that keeps the machine company. */
  friend?: string;
  sunny?: boolean;
}

function personNamed(name: string): Person {
  return girls.includes(name)
    ? { name, kind: 'girl', they: 'she', them: 'her', their: 'her' }
    : { name, kind: 'boy', they: 'he', them: 'him', their: 'his' };
}

/** Any name that a story can be asked about. */
export function anyName(chance: Chance): string {
  return chance.pick(chance.maybe(0.5) ? girls : boys);
}

/** One story of 6 to 11 sentences: where it stood, what was wrong, who helped, how it ended. */
export function story(chance: Chance, wish: StoryWish = {}): string {
  const machine = wish.machine ?? chance.pick(machines);
  const who = wish.name === undefined ? person(chance) : personNamed(wish.name);
  const trouble = chance.pick(machineTroubles.filter(({ of }) => of?.includes(machine) ?? true));
  const look = chance.pick(looks);
  const place = chance.pick(places);
  const job = chance.pick(jobs);
  const the = `the ${machine}`;
  const sunny = wish.sunny ?? chance.maybe(0.4);
  const sentences = [chance.pick(openings)(look, machine, place)];
  if (wish.friend !== undefined) sentences.push(chance.pick(company(wish.friend, the)));
  else if (chance.maybe(0.8)) sentences.push(chance.pick(waiting(the, chance)));
  sentences.push(chance.pick(complaints(the, trouble)));
  sentences.push(chance.pick(findings(the, who)));
  if (chance.maybe(0.5)) sentences.push(chance.pick(talks(the, who)));
  sentences.push(chance.pick(repairs(the, who, trouble)));
  if (sunny) sentences.push(chance.pick(suns(the, who)));
  sentences.push(chance.pick(awakenings(the, who)));
  sentences.push(chance.pick(endings(the, who, job)));
  if (chance.maybe(0.6)) sentences.push(chance.pick(morals));
  return sentences.join(' ');
}

const openings: readonly ((look: string, machine: string, place: string) => string)[] = [
  (look, machine, place) =>
    `Once upon a time there was ${withArticle(`${look} ${machine}`)} ${place}.`,
  (look, machine, place) =>
    `Once upon a time, ${withArticle(`${look} ${machine}`)} lived ${place}.`,
  (look, machine, place) =>
    `There once was ${withArticle(`${look} ${machine}`)} that slept ${place}.`,
  (look, machine, place) => `Long ago, someone left ${withArticle(`${look} ${machine}`)} ${place}.`,
  (look, machine, place) => `${capital(withArticle(`${look} ${machine}`))} stood ${place}.`,
  (look, machine, place) => `${capital(place)} there was ${withArticle(`${look} ${machine}`)}.`,
  (look, machine, place) => `The ${look} ${machine} had been ${place} for a long time.`,
  (look, machine, place) => `This is the story of ${withArticle(`${look} ${machine}`)} ${place}.`,
  (look, machine, place) =>
    `Many years ago, ${withArticle(`${look} ${machine}`)} was put away ${place}.`,
];

function company(friend: string, the: string): string[] {
  return [
    `Its only friend was ${friend}.`,
    `Every morning ${friend} came by to say hello.`,
    `${capital(friend)} lived there too, and at night they talked.`,
    `${capital(friend)} slept next to ${the} when the nights were cold.`,
  ];
}

function waiting(the: string, chance: Chance): string[] {
  const friend = chance.pick(friends);
  const years = chance.pick(['two', 'three', 'five', 'seven', 'ten', 'twenty']);
  return [
    `It had not worked for ${years} years.`,
    `For ${years} years nobody had looked at it.`,
    ...company(friend, the),
    `It dreamed of the days when it was new.`,
    `${capital(the)} was lonely, but it did not complain.`,
    `The other things in the house laughed at it.`,
    `Nobody remembered who had put it there.`,
    `Once it had been the pride of the house.`,
    `It listened to the wind and waited.`,
    `New machines came and went, but it stayed where it was.`,
  ];
}

function complaints(the: string, trouble: Trouble): string[] {
  return [
    `${capital(the)} could not work, because ${trouble.wrong}.`,
    `Something was not right: ${trouble.wrong}, and ${trouble.sign}.`,
    `It wanted to help, but ${trouble.wrong}.`,
    `Because ${trouble.wrong}, ${trouble.sign}.`,
    `But ${trouble.wrong}, so ${trouble.sign}.`,
    `One winter ${the} stopped working: ${trouble.wrong}.`,
    `Everyone said that ${the} was useless, only because ${trouble.wrong}.`,
  ];
}

function findings(the: string, who: Person): string[] {
  return [
    `One day a ${who.kind} called ${who.name} found ${the}.`,
    `Then ${who.name} came, a ${who.kind} who liked to mend things.`,
    `One rainy afternoon a ${who.kind} named ${who.name} saw it and stopped.`,
    `A ${who.kind} called ${who.name} picked it up and wiped off the dust.`,
    `${who.name} was looking for a pencil and found ${the} instead.`,
    `"What a fine old thing!" cried a ${who.kind} called ${who.name}.`,
    `${who.name} lived next door, and ${who.they} had never seen anything like it.`,
    `On a cold morning ${who.name} heard a soft noise and looked closer. ${capital(who.they)} was a curious ${who.kind}.`,
  ];
}

function talks(the: string, who: Person): string[] {
  return [
    `"What is the matter with you?" asked ${who.name}.`,
    `"Do not worry," said ${who.name}, "I will help you."`,
    `"You are not too old," ${who.they} said.`,
    `"Please do not throw me away," said ${the}.`,
    `"Can you mend me?" asked ${the}. "I can try," said ${who.name}.`,
    `${who.name} asked ${who.their} grandmother what to do, and she smiled.`,
    `"I have waited so long," said ${the}.`,
    `"Does it hurt?" asked ${who.name}. "Only a little," said ${the}.`,
    `${who.name} asked ${who.their} grandfather, and he gave ${who.them} a box of tools.`,
    `"Let us see what you need," said ${who.name}.`,
    `${who.name} carried it to ${who.their} table and thought for a while.`,
  ];
}

function repairs(the: string, who: Person, trouble: Trouble): string[] {
  return [
    `${capital(who.they)} took ${trouble.tool} and ${trouble.fix}.`,
    `With ${trouble.tool}, ${who.name} ${trouble.fix}.`,
    `${who.name} opened ${the} and ${trouble.fix}.`,
    `It took the whole evening, but in the end ${who.they} ${trouble.fix}.`,
    `The next morning ${who.name} came back with ${trouble.tool} and ${trouble.fix}.`,
    `${capital(who.they)} worked slowly and carefully, and ${trouble.fix}.`,
    `First ${who.they} looked inside, and then ${who.they} ${trouble.fix}.`,
  ];
}

function suns(the: string, who: Person): string[] {
  return [
    `Then ${who.they} put a solar panel in the window.`,
    `The next day the sun was shining, and ${the} drank the warm light.`,
    `${who.name} carried ${the} into the sun, and its battery filled up slowly.`,
    `From now on the sun gave it all the power it needed.`,
    `${who.name} waited for a bright day, because the sun gives power for nothing.`,
    `In the morning the sun came in and filled its battery.`,
    `When the sun came up, the little solar panel woke up too.`,
  ];
}

function awakenings(the: string, who: Person): string[] {
  return [
    `A small green light went on.`,
    `${capital(the)} blinked once, blinked twice and woke up.`,
    `"Thank you," said ${the}, and ${who.name} laughed.`,
    `Suddenly ${the} began to hum.`,
    `"I am awake!" cried ${the}.`,
    `It was quiet for a moment, and then ${the} said hello.`,
    `${capital(the)} shook off the last dust and smiled.`,
    `${who.name} held ${who.their} breath, and ${the} woke up.`,
    `Slowly, very slowly, ${the} came back to life.`,
  ];
}

function endings(the: string, who: Person, job: string): string[] {
  return [
    `From that day on ${the} ${job}.`,
    `Since then it has ${perfect(job)}, and ${who.name} is proud of it.`,
    `Now ${the} ${job}, and it was never lonely again.`,
    `${who.name} and ${the} became good friends, and it ${job}.`,
    `After that, ${the} ${job}, and nobody laughed any more.`,
    `It was not fast, but it ${job}, and that was enough.`,
    `That evening ${the} ${job}, and everyone was happy.`,
  ];
}

const irregular: Record<string, string> = {
  wrote: 'written',
  showed: 'shown',
  sang: 'sung',
  drew: 'drawn',
};

/** The past participle form of a job: only the verbs above need it. */
function perfect(job: string): string {
  const [verb = '', ...rest] = job.split(' ');
  return [irregular[verb] ?? verb, ...rest].join(' ').replace('and wrote', 'and written');
}
