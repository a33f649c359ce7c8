// Failures in OpenAI's shape, pure. `code` is the code of our own table, except where OpenAI's
// clients know one of theirs; `salvage_code` and `hint` always say ours and what to do next.
import { type FailureCode, failures } from '@salvage/kit';

/** An expected "no": what is wrong, and in which parameter. */
export interface Problem {
  code: FailureCode;
  message: string;
  param: string | null;
  hint?: string;
}

export interface OpenaiError {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string;
    salvage_code: FailureCode;
    hint: string;
  };
}

export type ErrorStatus = 400 | 401 | 403 | 404 | 413 | 415 | 500 | 503 | 504;

const statuses: Partial<Record<FailureCode, ErrorStatus>> = {
  SLV_REQUEST: 400,
  SLV_PROMPT_TOO_LONG: 400,
  SLV_ENGINE_CANNOT: 400,
  SLV_TEMPLATE: 400,
  SLV_DENIED: 401,
  SLV_MODEL_UNKNOWN: 404,
  SLV_QUEUE_FULL: 503,
  SLV_DEADLINE: 503,
  SLV_NO_PLACE: 503,
  SLV_NODE_LOST: 503,
  SLV_NODE_UNKNOWN: 503,
  SLV_BROKER: 503,
  SLV_ENGINE_START: 503,
  SLV_ENGINE_EXITED: 503,
  SLV_ENGINE_UNKNOWN: 503,
  SLV_MODEL_DAMAGED: 503,
  SLV_DISK_FULL: 503,
  SLV_ENGINE_STUCK: 504,
  SLV_TIMEOUT: 504,
};

const openaiCodes: Partial<Record<FailureCode, string>> = { SLV_MODEL_UNKNOWN: 'model_not_found' };

export function errorStatus(code: FailureCode): ErrorStatus {
  return statuses[code] ?? 500;
}

export function errorBody(problem: Problem): OpenaiError {
  const hint = problem.hint ?? failures[problem.code];
  const status = errorStatus(problem.code);
  return {
    error: {
      message: `${problem.message} (${hint})`,
      type: status >= 500 ? 'server_error' : 'invalid_request_error',
      param: problem.param,
      code: openaiCodes[problem.code] ?? problem.code,
      salvage_code: problem.code,
      hint,
    },
  };
}
