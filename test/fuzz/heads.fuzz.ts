import { fuzz } from './fuzz.js';
import { heads } from './serve/heads.js';

fuzz(heads);
