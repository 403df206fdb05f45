"""Bodies of templates that the API takes."""

PLACE = {"account": "sandbox", "image": "debian-12", "size": "large"}
TEMPLATE = {
    "name": "big",
    "account": "sandbox",
    "image": "debian-12",
    "size": "large",
    "capacity": 4,
    "user_data": "needle-user-data",
    "labels": {"team": "red"},
    "ttl": 60,
    "price_per_hour": "0.0425",
}
