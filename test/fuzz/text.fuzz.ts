import { fuzz } from './fuzz.js';
import { text } from './stages.js';

fuzz(text);
