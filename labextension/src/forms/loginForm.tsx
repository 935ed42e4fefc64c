// Asks for a registry's user name and secret; for an API key alone where that is what it wants.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { withoutHint } from '../model/jobs';
import { wantsApiKey } from '../model/references';
import { IProblem } from '../client/wire';
import { Problem } from '../widgets/problem';

/** What is typed into the form. */
export interface ILoginInput {
  host: string;
  username: string;
  secret: string;
}

/** Body of the dialog that asks for a login. */
export class LoginForm extends ReactWidget {
  constructor(private readonly _options: LoginForm.IOptions) {
    super();
    this.addClass('jp-GpuContainers-login');
    this._input = _options.input;
  }

  /** What was typed. */
  getValue(): ILoginInput {
    return this._input;
  }

  protected render(): React.JSX.Element {
    const { isFixed, problem, trans } = this._options;
    return (
      <>
        {problem && <Problem problem={withoutHint(problem)} />}
        <LoginFields
          initial={this._input}
          isFixed={isFixed}
          trans={trans}
          onChange={input => {
            this._input = input;
          }}
        />
      </>
    );
  }

  private _input: ILoginInput;
}

/** Types of the form. */
export namespace LoginForm {
  /** What the form starts from. */
  export interface IOptions {
    trans: TranslationBundle;
    input: ILoginInput;
    /** Whether the registry is given. */
    isFixed: boolean;
    /** Why a login is asked for, or was not accepted. */
    problem?: IProblem;
  }
}

/** The fields alone, for a form that has its own buttons. */
export function LoginFields(props: {
  initial: ILoginInput;
  isFixed: boolean;
  trans: TranslationBundle;
  onChange: (input: ILoginInput) => void;
}): React.JSX.Element {
  const { isFixed, trans } = props;
  const [input, setInput] = React.useState(props.initial);
  // password managers fill several fields before anything is rendered
  const latest = React.useRef(input);
  const change = (part: Partial<ILoginInput>) => {
    latest.current = { ...latest.current, ...part };
    setInput(latest.current);
    props.onChange(latest.current);
  };
  const isKey = wantsApiKey(input.host);
  return (
    <div className="jp-GpuContainers-loginFields">
      {!isFixed && (
        <label>
          <span>{trans.__('Registry')}</span>
          <input
            className="jp-mod-styled"
            data-keeps-enter
            required
            placeholder={trans.__('nvcr.io, docker.io, localhost:5000')}
            spellCheck={false}
            value={input.host}
            onChange={({ target }) => change({ host: target.value.trim() })}
          />
        </label>
      )}
      {!isKey && (
        <label>
          <span>{trans.__('User name')}</span>
          <input
            className="jp-mod-styled"
            data-keeps-enter
            required
            autoComplete="off"
            spellCheck={false}
            value={input.username}
            onChange={({ target }) => change({ username: target.value })}
          />
        </label>
      )}
      <label>
        <span>
          {isKey ? trans.__('API key') : trans.__('Password or token')}
        </span>
        <input
          className="jp-mod-styled"
          data-keeps-enter
          required
          type="password"
          autoComplete="off"
          value={input.secret}
          onChange={({ target }) => change({ secret: target.value })}
        />
      </label>
      <p className="jp-GpuContainers-subtitle">
        {trans.__(
          'The registry is asked first; then the login is kept where Docker keeps it.'
        )}
      </p>
    </div>
  );
}
