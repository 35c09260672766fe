"""What is compared in `attacks`: an attack of epsball and those of the peers with the same threat and the same budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import epsball as eb
from peer_calls import NAMES, ORDERS, adv_lib_call, art, foolbox, pyautoattack, secml, torchattack, torchattacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from epsball.attacks.base import Attack
    from peers import Peer

LINF, L2, L1 = 0.1, 1.5, 10.0
"""Budgets at which about half of the rows fall to a good attack."""
STEP = LINF / 10


@dataclass(frozen=True)
class Contest:
    """One attack against its peers.

    Args:
        key: name of the comparison.
        own: the attack of epsball.
        norm: of the threat.
        peers: by name, given all rows at once.
        eps: budget; the nearest error is looked for when None.
        queries: a row may cost; None where both take the same number of steps.
        single: peers that loop over single images and get a few rows.
        settings: what both were given.
        seeds: runs of both, whose rows are judged together; several where chance decides more than the algorithm.
    """

    key: str
    own: Callable[[], Attack]
    norm: str
    peers: dict[str, Peer]
    eps: float | None = None
    queries: int | None = None
    single: dict[str, Peer] = field(default_factory=dict)
    settings: str = ""
    seeds: int = 1


def single_step() -> list[Contest]:
    """One gradient."""
    return [
        Contest(
            "FGSM linf",
            eb.FGSM,
            "linf",
            {
                "foolbox": foolbox("LinfFastGradientAttack", LINF),
                "torchattacks": torchattacks("FGSM", eps=LINF),
                "torchattack": torchattack("FGSM", eps=LINF),
                "ART": art("FastGradientMethod", eps=LINF, batch_size=512),
            },
            LINF,
        )
    ]


def projected() -> list[Contest]:
    """PGD, BIM and APGD."""
    apgd = {"linf": LINF, "l2": L2, "l1": L1}
    return [
        Contest(
            "BIM linf",
            lambda: eb.BIM(steps=10, rate=0.1),
            "linf",
            {
                "foolbox": foolbox("LinfBasicIterativeAttack", LINF, steps=10, rel_stepsize=0.1),
                "torchattacks": torchattacks("BIM", eps=LINF, alpha=STEP, steps=10),
                "ART": art("BasicIterativeMethod", eps=LINF, eps_step=STEP, max_iter=10, batch_size=512, verbose=False),
            },
            LINF,
            settings="10 steps of ε / 10",
        ),
        Contest(
            "PGD linf",
            lambda: eb.PGD(steps=40),
            "linf",
            {
                "foolbox": foolbox("LinfPGD", LINF, steps=40),
                "torchattacks": torchattacks("PGD", eps=LINF, alpha=LINF / 30, steps=40),
                "torchattack": torchattack("PGD", eps=LINF, alpha=LINF / 30, steps=40),
                "adv-lib": adv_lib_call("projected_gradient_descent.pgd_linf", LINF, steps=40),
                "secml-torch": secml("PGD", perturbation_model="linf", epsilon=LINF, num_steps=40, step_size=LINF / 30),
                "ART": art(
                    "ProjectedGradientDescentPyTorch",
                    eps=LINF,
                    eps_step=LINF / 30,
                    max_iter=40,
                    num_random_init=1,
                    batch_size=512,
                    verbose=False,
                ),
            },
            LINF,
            settings="40 steps; each library's own step lengths, ε / 30 where it has none",
        ),
        Contest(
            "PGD l2",
            lambda: eb.PGD(steps=40),
            "l2",
            {
                "foolbox": foolbox("L2PGD", L2, steps=40),
                "torchattacks": torchattacks("PGDL2", eps=L2, alpha=L2 / 10, steps=40),
                "ART": art(
                    "ProjectedGradientDescentPyTorch",
                    norm=2,
                    eps=L2,
                    eps_step=L2 / 10,
                    max_iter=40,
                    num_random_init=1,
                    batch_size=512,
                    verbose=False,
                ),
            },
            L2,
            settings="40 steps",
        ),
        *(
            Contest(
                f"APGD {norm}",
                eb.L1APGD if norm == "l1" else eb.APGD,
                norm,
                {
                    **(
                        {"torchattacks": torchattacks("APGD", norm=NAMES[norm], eps=eps, steps=100)}
                        if norm != "l1"
                        else {}
                    ),
                    "adv-lib": adv_lib_call("auto_pgd.apgd", eps, ORDERS[norm], n_iter=100, loss_function="ce"),
                    "pyautoattack": pyautoattack("APGDAttack", "autopgd_base", norm=NAMES[norm], eps=eps, n_iter=100),
                    **({"ART": _art_apgd(ORDERS[norm], eps)} if norm != "l1" else {}),
                },
                eps,
                settings="100 steps, cross entropy",
            )
            for norm, eps in apgd.items()
        ),
        Contest(
            "TargetedAPGD linf",
            eb.TargetedAPGD,
            "linf",
            {
                "torchattacks": torchattacks("APGDT", eps=LINF, steps=100),
                "adv-lib": adv_lib_call("auto_pgd.apgd_targeted", LINF, ORDERS["linf"], n_iter=100),
                "pyautoattack": pyautoattack("APGDAttack_targeted", "autopgd_base", norm="Linf", eps=LINF, n_iter=100),
            },
            LINF,
            settings="100 steps for each of 9 classes",
        ),
    ]


def _art_apgd(norm: float, eps: float) -> Peer:
    return art(
        "AutoProjectedGradientDescent",
        norm=norm,
        eps=eps,
        eps_step=2 * eps,
        max_iter=100,
        nb_random_init=1,
        batch_size=512,
        loss_type="cross_entropy",
        verbose=False,
    )


def transferable() -> list[Contest]:
    """Momentum and its kin: also judged on a network that they have not seen."""
    names = {
        "MIFGSM": lambda: eb.MomentumPGD(steps=10, rate=0.1),
        "NIFGSM": lambda: eb.NIFGSM(steps=10, rate=0.1),
        "DIFGSM": lambda: eb.DIFGSM(steps=10, rate=0.1),
        "TIFGSM": lambda: eb.TIFGSM(steps=10, rate=0.1),
        "VMIFGSM": lambda: eb.VMIFGSM(steps=10, rate=0.1, neighbours=5),
        "SINIFGSM": lambda: eb.SIFGSM(steps=10, rate=0.1),
    }
    contests = []
    for name, own in names.items():
        shared = {"eps": LINF, "alpha": STEP, "steps": 10}
        found = {"torchattack": torchattack(name, **shared, **({"diversity_prob": 0.5} if name == "DIFGSM" else {}))}
        if name != "TIFGSM":  # its kernel has three channels
            found["torchattacks"] = torchattacks(name, **shared, **({"decay": 1.0} if name == "DIFGSM" else {}))
        if name == "TIFGSM":
            found = {}
        if name == "MIFGSM":
            found["foolbox"] = foolbox("MIFGSM", LINF, steps=10, rel_stepsize=0.1)
            found["ART"] = art(
                "MomentumIterativeMethod", eps=LINF, eps_step=STEP, max_iter=10, batch_size=512, verbose=False
            )
        if found:
            note = "10 steps of ε / 10" + (", 5 neighbours" if name == "VMIFGSM" else "")
            seeds = 5 if name in {"DIFGSM", "VMIFGSM"} else 1
            contests.append(Contest(f"{name} linf", own, "linf", found, LINF, settings=note, seeds=seeds))
    return contests


__all__ = ["L1", "L2", "LINF", "STEP", "Contest", "projected", "single_step", "transferable"]
