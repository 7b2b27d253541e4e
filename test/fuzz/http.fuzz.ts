import { fuzz } from './fuzz.js';
import { http } from './stages.js';

fuzz(http);
