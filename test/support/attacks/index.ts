import type { Attack } from './attack.ts';
import { callFloods } from './call-floods.ts';
import { connectionFloods } from './connection-floods.ts';
import { contentFloods } from './content-floods.ts';
import { frameFloods, workFloods } from './frame-floods.ts';
import { messageFloods, storms } from './message-floods.ts';

export const attacks: Record<string, Attack> = {
  ...frameFloods,
  ...workFloods,
  ...callFloods,
  ...messageFloods,
  ...contentFloods,
  ...storms,
  ...connectionFloods,
};
