// A queue that says no when it is full, instead of growing.

export interface BoundedQueue<Item> {
  /** False when the queue is full and the item was not taken. */
  push(item: Item): boolean;
  shift(): Item | undefined;
  readonly length: number;
}

export function createBoundedQueue<Item>(lengthMax: number): BoundedQueue<Item> {
  const items: Item[] = [];
  return {
    push: (item) => {
      if (items.length >= lengthMax) return false;
      items.push(item);
      return true;
    },
    shift: () => items.shift(),
    get length() {
      return items.length;
    },
  };
}
