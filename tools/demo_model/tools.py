"""Tools that conversations offer: their schemas, what is asked of them, what they give back, how that is told."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any, NamedTuple

from tools.demo_model.conversation import Call
from tools.demo_model.words import Values


class Parameter(NamedTuple):
    """The first name is the usual one. `value` draws an argument as it stands in the question."""

    names: tuple[str, ...]
    type: str
    value: Callable[[Values], str]


class Family(NamedTuple):
    """Tools that do one thing. The first name and description are the usual ones; every name says what it does."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    asked: tuple[str, ...]
    told: str
    result: Callable[[Values], str]


class Offered(NamedTuple):
    """A tool of a family under the names of one prompt."""

    family: Family
    name: str
    description: str
    keys: tuple[str, ...]

    def schema(self) -> dict[str, Any]:
        types = {key: {"type": one.type} for key, one in zip(self.keys, self.family.parameters, strict=True)}
        parameters = {"type": "object", "properties": types, "required": list(self.keys)}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}


class Use(NamedTuple):
    """A question that a tool is for, the call, what comes back and what is said about it."""

    asked: str
    call: Call
    result: str
    told: str


def offer(values: Values, family: Family, *, usual: float = 0.6) -> Offered:
    """Under its usual names in a share of `usual`, else under any."""
    if values.chance.random() < usual:
        keys = tuple(one.names[0] for one in family.parameters)
        return Offered(family, family.names[0], family.descriptions[0], keys)
    keys = tuple(values.chance.choice(one.names) for one in family.parameters)
    return Offered(family, values.chance.choice(family.names), values.chance.choice(family.descriptions), keys)


def use(values: Values, tool: Offered) -> Use:
    family = tool.family
    given = [parameter.value(values) for parameter in family.parameters]
    arguments = {
        key: text if parameter.type == "string" else int(text)
        for key, parameter, text in zip(tool.keys, family.parameters, given, strict=True)
    }
    result = family.result(values)
    asked = values.chance.choice(family.asked).format(*given)
    return Use(asked, Call(tool.name, arguments), result, family.told.format(*given, result=result))


def _text(*names: str, least: int = 1, most: int = 3) -> Parameter:
    return Parameter(names, "string", lambda values: values.words(least, most))


def _city(*names: str) -> Parameter:
    return Parameter(names, "string", Values.city)


def _name(*names: str) -> Parameter:
    return Parameter(names, "string", Values.name)


def _number(*names: str, type: str = "number", digits: int = 3) -> Parameter:
    return Parameter(names, type, lambda values: values.number(digits))


def _choice(names: tuple[str, ...], *known: str) -> Parameter:
    return Parameter(names, "string", lambda values: values.one_of(known, 0.15))


def _done(values: Values) -> str:
    return values.chance.choice(("ok", "done"))


def _weather(values: Values) -> str:
    sky = values.chance.choice(("sunny", "rainy", "cloudy", "windy", "snowy", "foggy"))
    return values.chance.choice((f"{values.chance.randint(-9, 39)} C and {sky}", sky))


def _symbol(values: Values) -> str:
    return "".join(values.chance.choices(string.ascii_uppercase, k=values.chance.randint(2, 4)))


def _clock(values: Values) -> str:
    return f"{values.chance.randint(0, 23)}:{values.chance.randint(0, 59):02d}"


def _several(values: Values) -> str:
    return values.words(1, 4)


_LANGUAGES = ("French", "German", "Italian", "Spanish", "Polish", "Greek", "Japanese")
_CURRENCIES = ("dollars", "euros", "pounds", "francs", "yen")
_ROOMS = ("kitchen", "bedroom", "garden", "cellar", "office", "bathroom", "hall")

FAMILIES: tuple[Family, ...] = (
    Family(
        ("get_weather", "weather", "current_weather", "weather_now"),
        ("Get the weather for a city.", "Returns the current weather.", "The weather of a place."),
        (_city("city", "location", "place"),),
        ("What is the weather in {0}?", "How is the weather in {0}?", "Weather in {0}?", "Is it raining in {0}?",
         "What's the weather like in {0}?", "Tell me the weather in {0}.", "Will it rain in {0} today?"),
        "The weather in {0} is {result}.", _weather,
    ),
    Family(
        ("get_time", "current_time", "clock_time", "local_time"),
        ("Get the time in a city.", "Returns the current time.", "The local time of a place."),
        (_city("city", "location", "place"),),
        ("What time is it in {0}?", "What is the time in {0}?", "Time in {0}?", "Tell me the time in {0}.",
         "What's the current time in {0}?"),
        "The time in {0} is {result}.", _clock,
    ),
    Family(
        ("add", "add_numbers", "plus"),
        ("Add two numbers.", "Returns the sum of two numbers."),
        (_number("a", "x", "first"), _number("b", "y", "second")),
        ("What is {0} plus {1}?", "Add {0} and {1}.", "What is {0} + {1}?", "Calculate {0} + {1}.",
         "What is the sum of {0} and {1}?"),
        "The result is {result}.", lambda values: values.number(4),
    ),
    Family(
        ("multiply", "multiply_numbers", "times"),
        ("Multiply two numbers.", "Returns the product of two numbers."),
        (_number("a", "x", "first"), _number("b", "y", "second")),
        ("What is {0} times {1}?", "Multiply {0} by {1}.", "What is {0} * {1}?", "Multiply {0} and {1}.",
         "Calculate {0} * {1}."),
        "The result is {result}.", lambda values: values.number(5),
    ),
    Family(
        ("search", "web_search", "search_web"),
        ("Search the web.", "Search for a query.", "Finds pages on the web."),
        (_text("query", "q", "text"),),
        ("Search for {0}.", "Look up {0}.", "Find pages about {0}.", "Search the web for {0}.",
         "Please search for {0}.", "Can you look up {0}?"),
        "I found this: {result}.", _several,
    ),
    Family(
        ("get_stock_price", "stock_price", "share_price"),
        ("Get the price of a stock.", "Returns a stock price."),
        (Parameter(("symbol", "ticker", "stock"), "string", _symbol),),
        ("What is the price of {0}?", "What is the stock price of {0}?", "Stock price of {0}?",
         "How much is {0} stock?", "Price of {0} stock?"),
        "The price of {0} is {result}.", lambda values: f"{values.number(3)} dollars",
    ),
    Family(
        ("set_timer", "start_timer", "timer"),
        ("Set a timer.", "Start a timer in minutes."),
        (_number("minutes", "duration", type="integer", digits=2),),
        ("Set a timer for {0} minutes.", "Start a timer of {0} minutes.", "Timer for {0} minutes",
         "Wake me in {0} minutes."),
        "The timer is set: {result}.", _done,
    ),
    Family(
        ("translate", "translate_text", "translation"),
        ("Translate a text.", "Translates text to a language."),
        (_text("text", "sentence"), _choice(("language", "target"), *_LANGUAGES)),
        ("Translate {0} to {1}.", "Translate {0} into {1}.", "How do you say {0} in {1}?"),
        "The translation is {result}.", _several,
    ),
    Family(
        ("send_email", "email", "mail"),
        ("Send an email to a person.", "Sends an email."),
        (_name("to", "recipient", "person"), _text("text", "message", "body", most=4)),
        ("Send an email to {0}: {1}", "Email {0}: {1}", "Write an email to {0}: {1}"),
        "The email to {0}: {result}.", _done,
    ),
    Family(
        ("play_music", "play_song", "music"),
        ("Play music.", "Plays a song."),
        (_text("song", "title", "track"),),
        ("Play {0}.", "Play the song {0}.", "I want to hear {0}.", "Put on the song {0}."),
        "I play {0}: {result}.", _done,
    ),
    Family(
        ("get_news", "latest_news", "news"),
        ("Get the news about a topic.", "Returns the latest news."),
        (_text("topic", "subject", "about", most=2),),
        ("What is the news about {0}?", "Any news about {0}?", "News about {0}?", "Tell me the latest news about {0}."),
        "The news about {0}: {result}.", _several,
    ),
    Family(
        ("convert_currency", "currency", "exchange_money"),
        ("Convert money to a currency.", "Converts an amount of money."),
        (_number("amount", "value"), _choice(("currency", "to"), *_CURRENCIES)),
        ("Convert {0} to {1}.", "Change {0} into {1}.", "How much is {0} in {1}?"),
        "That is {result}.", lambda values: values.number(4),
    ),
    Family(
        ("find_restaurant", "restaurant", "search_restaurant"),
        ("Find a restaurant in a city.", "Finds a place to eat."),
        (_city("city", "location", "place"),),
        ("Find a restaurant in {0}.", "Where can I eat in {0}?", "I am hungry in {0}.", "Restaurant in {0}?"),
        "In {0} I found {result}.", Values.name,
    ),
    Family(
        ("book_flight", "flight", "buy_flight"),
        ("Book a flight between two cities.", "Books a flight."),
        (_city("start", "origin"), _city("goal", "destination")),
        ("Book a flight from {0} to {1}.", "I want to fly from {0} to {1}.", "Flight from {0} to {1}"),
        "The flight from {0} to {1}: {result}.", _done,
    ),
    Family(
        ("add_event", "create_event", "calendar_event"),
        ("Add an event to the calendar.", "Puts an event into the calendar."),
        (_text("title", "event", "name", most=2), _choice(("day", "date"), "Monday", "Tuesday", "Friday", "Sunday")),
        ("Add {0} to my calendar on {1}.", "Put {0} into the calendar for {1}.", "Plan {0} for {1}."),
        "{0} is in the calendar on {1}: {result}.", _done,
    ),
    Family(
        ("switch_light", "light", "turn_on_light"),
        ("Switch on the light in a room.", "Turns on a light."),
        (_choice(("room", "place"), *_ROOMS),),
        ("Switch on the light in the {0}.", "Turn on the light in the {0}.", "Light in the {0}, please.",
         "It is dark in the {0}."),
        "The light in the {0}: {result}.", _done,
    ),
    Family(
        ("set_temperature", "heating", "set_heating"),
        ("Set the heating of a room.", "Sets how warm a room is."),
        (_choice(("room", "place"), *_ROOMS), _number("degrees", "value", type="integer", digits=2)),
        ("Heat the {0} to {1} degrees.", "Set the heating in the {0} to {1} degrees.",
         "Make the {0} {1} degrees warm."),
        "The heating in the {0}: {result}.", _done,
    ),
    Family(
        ("read_file", "open_file", "file_content"),
        ("Read a file.", "Returns the content of a file."),
        (Parameter(("path", "file", "name"), "string",
                   lambda values: f"{values.word().lower()}.{values.chance.choice(('txt', 'md', 'py', 'json'))}"),),
        ("Read the file {0}.", "What is in the file {0}?", "Open {0}.", "Show me the file {0}."),
        "The file {0} says: {result}.", _several,
    ),
    Family(
        ("get_route", "directions", "find_route"),
        ("Get the way between two cities.", "Finds a route."),
        (_city("start", "origin"), _city("goal", "destination")),
        ("How do I get from {0} to {1}?", "What is the way from {0} to {1}?", "Show the route from {0} to {1}."),
        "From {0} to {1}: {result}.", lambda values: f"{values.number(3)} km",
    ),
    Family(
        ("define_word", "dictionary", "word_meaning"),
        ("Look up a word in the dictionary.", "Returns the meaning of a word."),
        (_text("word", "term", most=1),),
        ("What does the word {0} mean?", "Define the word {0}.", "Meaning of the word {0}?"),
        "{0} means {result}.", _several,
    ),
    Family(
        ("call_person", "phone_call", "call"),
        ("Call a person on the phone.", "Makes a phone call."),
        (_name("person", "name", "who"),),
        ("Call {0}.", "Phone {0}.", "Please call {0} for me.", "I want to talk to {0} on the phone."),
        "The call to {0}: {result}.", _done,
    ),
    Family(
        ("buy_item", "order_item", "shop"),
        ("Buy an item in the shop.", "Orders an item."),
        (_text("item", "product", "article", most=2), _number("count", "number", type="integer", digits=2)),
        ("Buy {1} of {0}.", "Order {1} pieces of {0}.", "I want to buy {1} of {0}."),
        "The order of {0}: {result}.", _done,
    ),
)  # fmt: skip

# Never in training: what the model makes of tools it has not met.
UNSEEN: tuple[Family, ...] = (
    Family(
        ("get_population",), ("Get the population of a city.",), (_city("city"),),
        ("What is the population of {0}?", "How many people live in {0}?"), "The population of {0} is {result}.",
        lambda values: values.number(5),
    ),
    Family(
        ("open_window",), ("Open the window in a room.",), (_choice(("room",), *_ROOMS),),
        ("Open the window in the {0}.",), "The window in the {0}: {result}.", _done,
    ),
    Family(
        ("find_recipe",), ("Find a recipe for a dish.",), (_text("dish", most=1),),
        ("Find a recipe for {0}.", "Recipe for {0}?"), "The recipe for {0}: {result}.", _several,
    ),
    Family(
        ("book_hotel",), ("Book a hotel in a city.",), (_city("city"),),
        ("Book a hotel in {0}.", "Hotel in {0}?"), "The hotel in {0}: {result}.", _done,
    ),
    Family(
        ("save_note",), ("Save a note.",), (_text("note", most=4),),
        ("Save the note {0}.", "Note: {0}"), "The note: {result}.", _done,
    ),
)  # fmt: skip
