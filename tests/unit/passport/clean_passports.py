"""A 0.6.1 and a 0.7.0 passport of a made-up lamp, in which nothing is to be found."""

from __future__ import annotations

from typing import Any

SHA_256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def lamp_0_6_1() -> dict[str, Any]:
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://test.uncefact.org/vocabulary/untp/dpp/0.6.1/"],
        "type": ["DigitalProductPassport", "VerifiableCredential"],
        "id": "https://lamps.example/credentials/1",
        "issuer": {"type": ["CredentialIssuer"], "id": "did:web:lamps.example", "name": "Lamps of Example"},
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2036-01-01T00:00:00+01:00",
        "credentialSubject": {
            "type": ["ProductPassport"],
            "granularityLevel": "item",
            "product": {
                "type": ["Product"],
                "id": "https://id.lamps.example/01/09520123456788/10/B7/21/0042",
                "name": "Desk lamp",
                "registeredId": "09520123456788.21.0042",
                "idScheme": {"id": "https://id.gs1.org/01", "name": "GS1 GTIN"},
                "serialNumber": "0042",
                "batchNumber": "B7",
                "countryOfProduction": "AT",
                "productionDate": "2026-01-01",
                "dimensions": {"weight": {"value": 1.2, "unit": "KGM"}},
                "characteristics": {"unit": "anything", "massFraction": 99},
            },
            "circularityScorecard": {"recycledContent": 0.25, "utilityFactor": 1.4},
            "materialsProvenance": [
                {"name": "Aluminium", "originCountry": "NO", "massFraction": 0.75, "hazardous": False},
                {
                    "name": "Solder",
                    "originCountry": "BO",
                    "massFraction": 0.25,
                    "hazardous": True,
                    "materialSafetyInformation": {"linkURL": "https://lamps.example/solder"},
                },
            ],
            "conformityClaim": [
                {
                    "id": "https://lamps.example/claims/1",
                    "conformance": True,
                    "conformityTopic": "environment.energy",
                    "conformityEvidence": {
                        "linkURL": "https://lamps.example/evidence.pdf",
                        "hashDigest": SHA_256,
                        "hashMethod": "SHA-256",
                    },
                }
            ],
        },
    }


def lamp_0_7_0() -> dict[str, Any]:
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://vocabulary.uncefact.org/untp/0.7.0/context/"],
        "type": ["DigitalProductPassport", "VerifiableCredential"],
        "id": "https://lamps.example/credentials/2",
        "name": "Passport of a desk lamp",
        "issuer": {"type": ["CredentialIssuer"], "id": "did:web:lamps.example", "name": "Lamps of Example"},
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": 7,
            "statusListCredential": "https://lamps.example/status/1",
        },
        "credentialSubject": {
            "type": ["Product"],
            "id": "https://id.lamps.example/01/09520123456788/10/B7",
            "name": "Desk lamp",
            "idScheme": {"id": "https://id.gs1.org/01", "name": "GS1 GTIN"},
            "idGranularity": "batch",
            "batchNumber": "B7",
            "productCategory": [
                {"code": "46539", "name": "Lamps", "schemeId": "https://unstats.un.org/cpc", "schemeName": "UN CPC"}
            ],
            "producedAtFacility": {"id": "https://lamps.example/sites/1", "name": "Works 1"},
            "countryOfProduction": {"countryCode": "AT"},
            "relatedDocument": [
                {
                    "linkURL": "https://lamps.example/repair",
                    "linkName": "Repair",
                    "digestMultibase": "uEiCr4vWv7ExKR8ICJztEdQKCeLakOVjWPTKb7UwDXymIWQ",
                }
            ],
            "materialProvenance": [
                {
                    "name": "Aluminium",
                    "originCountry": {"countryCode": "NO"},
                    "materialType": {"code": "1", "name": "Metal", "schemeId": "https://x.example/", "schemeName": "X"},
                    "massFraction": 1,
                }
            ],
        },
    }
