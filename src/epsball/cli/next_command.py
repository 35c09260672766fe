"""What comes after an evaluation: its report and verification, or the command with the normalisation that was forgotten."""

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from epsball.diagnostics.forgotten_normalisation import corrected
from epsball.record import Evaluation
from epsball.report.repeat import command as repeated
from epsball.report.repeat import repeatable
from epsball.terminal import command
from epsball.verification.identity import runs_nothing


def next_command(run: Evaluation, out: Path) -> str:
    """Lines for a shell; of a run that a forgotten normalisation ended, the one that evaluates with the right one."""
    for mean, std in filter(None, map(corrected, run.findings)) if not run.attacks else ():
        if repeatable(run):
            model = structs.replace(run.plan.model, mean=mean, std=std)
            return repeated(replace(run, plan=structs.replace(run.plan, model=model)), out)
        options = " ".join(
            f"--{name} {','.join(f'{number:.7g}' for number in numbers)}"
            for name, numbers in (("mean", mean), ("std", std))
            if numbers
        )
        return f"the same command {f'with {options}' if options else 'without --mean and --std'}"
    trust = None if runs_nothing(run.plan.model.source) else ""
    return f"{command('report', out)}   {command('verify', out, trust_source=trust)}"
