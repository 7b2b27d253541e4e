import { fuzz } from './fuzz.js';
import { file } from './stages.js';

fuzz(file);
