"""Attacks that look for the nearest error, and their peers."""

from __future__ import annotations

import math

import epsball as eb
from attack_rows import Contest
from peer_calls import NAMES, ORDERS, adv_lib_call, art, foolbox, pyautoattack, secml, torchattack, torchattacks

FMN = {"linf": "LInf", "l2": "L2", "l1": "L1", "l0": "L0"}
BRENDEL_BETHGE = FMN | {"linf": "Linfinity"}
FEW = 100
"""Steps a constant at which the slow peers take part too."""
START = FEW // 3
"""Steps that a start of Brendel and Bethge's attack is followed for."""
ORDERED = {"linf": "linf", "l2": "l2", "l1": "l1", "l0": "l0"}


def deepfools() -> list[Contest]:
    """DeepFool, SuperDeepFool, SparseFool."""
    return [
        Contest(
            "DeepFool l2",
            eb.DeepFool,
            "l2",
            {
                "foolbox": foolbox("L2DeepFoolAttack", candidates=10),
                "adv-lib": adv_lib_call("deepfool.df", norm=2),
            },
            single={
                "torchattacks": torchattacks("DeepFool"),
                "torchattack": torchattack("DeepFool"),
                "ART": art("DeepFool", labels=False, verbose=False),
            },
            settings="50 steps, 10 classes",
        ),
        Contest(
            "DeepFool linf",
            eb.DeepFool,
            "linf",
            {
                "foolbox": foolbox("LinfDeepFoolAttack", candidates=10),
                "adv-lib": adv_lib_call("deepfool.df", norm=float("inf")),
            },
            settings="50 steps, 10 classes",
        ),
        Contest("SuperDeepFool l2", eb.SuperDeepFool, "l2", {"adv-lib": adv_lib_call("superdeepfool.sdf")}),
        Contest(
            "SparseFool l0",
            eb.SparseFool,
            "l0",
            {},
            single={"torchattacks": torchattacks("SparseFool", steps=100, lam=1.5)},
            settings="λ = 1 and 1.5: each its best of 1, 1.5, 2 and 3",
        ),
    ]


def carlini_wagner() -> list[Contest]:
    """C&W and EAD at 9 searches of 100 steps, and with more steps."""
    contests = []
    for steps in (FEW, 500):
        rate = 0.05 if steps == FEW else 0.01
        peers = {
            "foolbox": foolbox("L2CarliniWagnerAttack", binary_search_steps=9, steps=steps, stepsize=rate),
            "adv-lib": adv_lib_call(
                "carlini_wagner.l2.carlini_wagner_l2", binary_search_steps=9, max_iterations=steps, learning_rate=rate
            ),
        }
        if steps == FEW:
            peers["torchattacks"] = torchattacks("CW", steps=9 * steps, lr=rate)
            peers["ART"] = art(
                "CarliniL2Method",
                binary_search_steps=9,
                max_iter=steps,
                initial_const=1e-3,
                learning_rate=rate,
                batch_size=512,
                verbose=False,
            )
        contests.append(
            Contest(
                f"CarliniWagner l2 {steps}",
                lambda steps=steps, rate=rate: eb.CarliniWagner(steps=steps, searches=9, rate=rate),  # type: ignore[misc] # the loop's own
                "l2",
                peers,
                settings=f"9 constants, {steps} steps of rate {rate} each; torchattacks has no search: c = 1, {9 * steps} steps",
            )
        )
    ead = {
        "foolbox": foolbox("EADAttack", binary_search_steps=9, steps=100, decision_rule="L1"),
        "torchattacks": torchattacks("EADL1", binary_search_steps=9, max_iterations=100, beta=0.01),
    }
    return [
        *contests,
        Contest(
            "EAD l1",
            lambda: eb.EAD(steps=100, searches=9),
            "l1",
            ead,
            single={
                "ART": art(
                    "ElasticNet",
                    binary_search_steps=9,
                    max_iter=100,
                    beta=0.01,
                    decision_rule="L1",
                    batch_size=32,
                    verbose=False,
                )
            },
            settings="9 constants, 100 steps each, β = 0.01",
        ),
        Contest(
            "CarliniWagnerLinf linf",
            lambda: eb.CarliniWagnerLinf(steps=6000, shrink=0.95),
            "linf",
            {"adv-lib": adv_lib_call("carlini_wagner.linf.carlini_wagner_linf", max_iterations=200)},
            settings="at most 200 steps a constant for the peer; τ falls by a twentieth here, by a tenth there",
        ),
    ]


def fast() -> list[Contest]:
    """DDN, FMN, ALMA, σ-zero, Brendel and Bethge's attack and FAB."""
    alma = {"l2": 1.0, "l1": 1.0}
    return [
        Contest(
            "DDN l2",
            lambda: eb.DDN(steps=100),
            "l2",
            {
                "foolbox": foolbox("DDNAttack", steps=100),
                "adv-lib": adv_lib_call("decoupled_direction_norm.ddn", steps=100, levels=None),
                "secml-torch": secml("DDN", num_steps=100, eps_init=1.0, gamma=0.05),
            },
            settings="100 steps",
        ),
        *(
            Contest(
                f"FMN {norm}",
                lambda: eb.FMN(steps=100),
                norm,
                {
                    "foolbox": foolbox(f"{FMN[norm]}FMNAttack", steps=100),
                    "adv-lib": adv_lib_call("fast_minimum_norm.fmn", ORDERS[norm], steps=100),
                    "secml-torch": secml("FMN", perturbation_model=ORDERED[norm], num_steps=100, step_size=1.0),
                },
                settings="100 steps",
            )
            for norm in ("linf", "l2", "l1", "l0")
        ),
        *(
            Contest(
                f"ALMA {norm} {steps}",
                lambda steps=steps: eb.ALMA(steps=steps),  # type: ignore[misc] # the loop's own
                norm,
                {
                    "adv-lib": adv_lib_call(
                        "augmented_lagrangian.alma", num_steps=steps, distance=norm, init_lr_distance=length, α_rms=0.99
                    )
                },
                settings=f"{steps} steps",
            )
            for norm, length in alma.items()
            for steps in (100, 500)
        ),
        *(
            Contest(
                f"PDPGD {norm} {steps}",
                lambda steps=steps, ours=eb.L1PDPGD if norm == "l1" else eb.PDPGD: ours(steps=steps),  # type: ignore[misc] # the loop's own
                norm,
                {"adv-lib": adv_lib_call("primal_dual_gradient_descent.pdpgd", norm=order, num_steps=steps)},
                settings=f"{steps} steps",
            )
            for norm, order in (("linf", math.inf), ("l2", 2.0), ("l1", 1.0), ("l0", 0.0))
            for steps in (100, 500)
        ),
        *(
            Contest(
                f"SigmaZero l0 {steps}",
                lambda steps=steps: eb.SigmaZero(steps=steps),  # type: ignore[misc] # the loop's own
                "l0",
                {"adv-lib": adv_lib_call("sigma_zero.sigma_zero", num_steps=steps)},
                settings=f"{steps} steps",
            )
            for steps in (100, 1000)
        ),
        *(
            Contest(
                f"BrendelBethge {norm} {steps}",
                lambda starts=steps // START: eb.Restarts(eb.BrendelBethge(steps=START), starts),  # type: ignore[misc] # the loop's own
                norm,
                {"foolbox": foolbox(f"{BRENDEL_BETHGE[norm]}BrendelBethgeAttack", steps=steps)},
                settings=f"{steps} steps; here from a new start every {START}",
            )
            for norm in ("linf", "l2", "l1", "l0")
            for steps in (100, 1000)
        ),
        *(
            Contest(
                f"FAB {norm}",
                lambda: eb.FAB(steps=50, restarts=1),
                norm,
                {
                    **(
                        {"torchattacks": torchattacks("FAB", norm=NAMES[norm], eps=1e3, steps=50)}
                        if norm != "l1"
                        else {}
                    ),
                    "adv-lib": adv_lib_call(
                        "fast_adaptive_boundary.fast_adaptive_boundary.fab", ORDERS[norm], n_iter=50
                    ),
                    "pyautoattack": pyautoattack(
                        "FABAttack_PT", "fab_pt", norm=NAMES[norm], eps=1e3, n_iter=50, n_restarts=1
                    ),
                },
                settings="50 steps, one start",
            )
            for norm in ("linf", "l2", "l1")
        ),
    ]
